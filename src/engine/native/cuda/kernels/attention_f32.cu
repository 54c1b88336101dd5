/*
 * Attention and its gradient in float32 on the ordinary cores, for parity. Four neighbouring lanes own a row (a query, or in the keys'
 * gradient a key): its sums over D are shared out by columns, its scores against a block by rows 4j + member. Formulas and buffers as in
 * attention_forward.cu, attention_backward_queries.cu and attention_backward_keys.cu, all of them float. Queries are scaled by 1/√D as
 * they are loaded.
 *
 * A product over D is one sum in the order of d everywhere, also in the dots: for a query that sees one key, dOut·v − Σ dOut·out is 0.
 * Compiled with HEAD_WIDTH, ROWS (that a block owns: 4 threads each) and BLOCK (rows of a tile that passes by).
 */
#include "attention_visible.cuh"
#include "scalar.cuh"

constexpr int THREADS = ROWS * 4, STEPS = BLOCK / 4;
constexpr int PADDED = (HEAD_WIDTH + 15) / 16 * 16, PITCH = PADDED + 4, SHARE = PADDED / 4;
constexpr int OWN = ROWS * PITCH, PASSING = BLOCK * PITCH;
/* A hidden score, and a maximum before the first score: exp of the difference is 0 and no NaN comes from it. */
constexpr float HIDDEN = -3e38f, LOWEST = -1e38f;

/* Copies rows from..from+COUNT−1 of a head, times `factor`; rows from `end` on and columns behind the head become zeros. */
template <int COUNT> __device__ inline void load_rows(float *tile, const float *head, long long pitch, int from, int end, float factor) {
  for (int unit = threadIdx.x; unit < COUNT * SHARE; unit += THREADS) {
    const int row = unit / SHARE, column = unit % SHARE * 4;
    const float *source = head + (from + row) * pitch + column;
    Pack<float> pack;
    pack.fill(0);
    if (from + row < end) {
      if (HEAD_WIDTH % 4 == 0) {
        if (column < HEAD_WIDTH) pack.load(source);
      } else {
        for (int i = 0; i < 4; i++)
          if (column + i < HEAD_WIDTH) pack.values[i] = source[i];
      }
    }
    for (int i = 0; i < 4; i++) pack.values[i] *= factor;
    pack.store(tile + row * PITCH + column);
  }
}

/* products[j] = row · tile[4j + member]. */
__device__ inline void products_with(float (&products)[STEPS], const float *row, const float *tile) {
  tile += threadIdx.x % 4 * PITCH;
#pragma unroll
  for (int j = 0; j < STEPS; j++) products[j] = 0;
#pragma unroll 4
  for (int d = 0; d < PADDED; d += 4) {
    Pack<float> a, b;
    a.load(row + d);
#pragma unroll
    for (int j = 0; j < STEPS; j++) {
      b.load(tile + j * 4 * PITCH + d);
#pragma unroll
      for (int i = 0; i < 4; i++) products[j] = fmaf(a.values[i], b.values[i], products[j]);
    }
  }
}

/* sums += Σ weight · row over the tile's rows, in order; a member has columns 16i + 4·member + 0..3 of the sums. */
__device__ inline void add_weighted(float (&sums)[SHARE], const float (&weights)[STEPS], const float *tile) {
  tile += threadIdx.x % 4 * 4;
#pragma unroll
  for (int j = 0; j < STEPS; j++)
#pragma unroll
    for (int member = 0; member < 4; member++) {
      const float weight = __shfl_sync(ALL_LANES, weights[j], int(threadIdx.x % 32 / 4 * 4 + member));
      const float *row = tile + (j * 4 + member) * PITCH;
#pragma unroll
      for (int i = 0; i < SHARE; i += 4) {
        Pack<float> pack;
        pack.load(row + i * 4);
#pragma unroll
        for (int c = 0; c < 4; c++) sums[i + c] = fmaf(weight, pack.values[c], sums[i + c]);
      }
    }
}

/* The member's columns of a row, times `factor`. */
__device__ inline void store_row(float *row, const float (&sums)[SHARE], float factor) {
#pragma unroll
  for (int i = 0; i < SHARE; i++) {
    const int column = i / 4 * 16 + threadIdx.x % 4 * 4 + i % 4;
    if (column < HEAD_WIDTH) row[column] = sums[i] * factor;
  }
}

/* Where one block works: the row of the batch and the widths of its matrices. */
struct Place {
  long long row, pitch, out_pitch;
  Sight sight;
  __device__ Place(const int *starts, int T, int H, int K, int window) : Place(static_cast<long long>(blockIdx.y) * T, starts, T, H, K, window) {}
  __device__ Place(long long row, const int *starts, int T, int H, int K, int window)
      : row(row), pitch(static_cast<long long>(H + 2 * K) * HEAD_WIDTH), out_pitch(static_cast<long long>(H) * HEAD_WIDTH),
        sight{starts + row, T, window} {}
};

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_forward_f32(float *__restrict__ out, float *__restrict__ lse, const float *__restrict__ qkv, const int *__restrict__ starts,
                          const float *__restrict__ keysValues, const int *__restrict__ places, int keyPitch, int S, int T, int H, int K,
                          int window, float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  float *queries = reinterpret_cast<float *>(shared), *keys = queries + OWN, *values = keys + PASSING;
  const Rows rows = rows_of(places, S, T);
  T += rows.past;
  const Place at(rows.queries, starts, T, H, K, window);
  const int head = blockIdx.x, from = rows.past + (gridDim.z - 1 - blockIdx.z) * ROWS, member = threadIdx.x % 4;
  const int query = from + threadIdx.x / 4;
  const long long key_pitch = CACHED ? keyPitch : at.pitch;
  const float *k_head = keysValues + rows.keys * key_pitch + head / (H / K) * HEAD_WIDTH;
  load_rows<ROWS>(queries, qkv + at.row * at.pitch + head * HEAD_WIDTH, at.pitch, from, T, scale);
  const int first = query < T ? first_key(at.sight, query) : T, end = from + ROWS < T ? from + ROWS : T;
  float greatest = LOWEST, sum = 0, mixed[SHARE] = {};
  for (int key = first_key(at.sight, from); key < end; key += BLOCK) {
    __syncthreads();
    load_rows<BLOCK>(keys, k_head, key_pitch, key, T, 1);
    load_rows<BLOCK>(values, k_head + K * HEAD_WIDTH, key_pitch, key, T, 1);
    __syncthreads();
    float powers[STEPS];
    products_with(powers, queries + threadIdx.x / 4 * PITCH, keys);
    float top = greatest;
#pragma unroll
    for (int j = 0; j < STEPS; j++) {
      const int place = key + j * 4 + member;
      if (place < first || place > query) powers[j] = HIDDEN;
      top = fmaxf(top, powers[j]);
    }
    top = fmaxf(top, __shfl_xor_sync(ALL_LANES, top, 1));
    top = fmaxf(top, __shfl_xor_sync(ALL_LANES, top, 2));
    const float shrink = expf(greatest - top);
    greatest = top;
    sum *= shrink;
#pragma unroll
    for (int j = 0; j < STEPS; j++) powers[j] = expf(powers[j] - top), sum += powers[j];
#pragma unroll
    for (int i = 0; i < SHARE; i++) mixed[i] *= shrink;
    add_weighted(mixed, powers, values);
  }
  sum += __shfl_xor_sync(ALL_LANES, sum, 1);
  sum += __shfl_xor_sync(ALL_LANES, sum, 2);
  if (query >= T) return;
  store_row(out + (at.row + query) * at.out_pitch + head * HEAD_WIDTH, mixed, 1.0f / sum);
  if (member == 0) lse[(at.row + query) * H + head] = greatest + logf(sum);
}

/* dots = Σ dOut·out of each head of each token. */
extern "C" __global__ void attention_dots_f32(float *__restrict__ dots, const float *__restrict__ dOut, const float *__restrict__ out, int heads) {
  const long long head = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (head >= heads) return;
  float sum = 0;
  for (int d = 0; d < HEAD_WIDTH; d++) sum = fmaf(dOut[head * HEAD_WIDTH + d], out[head * HEAD_WIDTH + d], sum);
  dots[head] = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_backward_queries_f32(float *__restrict__ dQkv, const float *__restrict__ dOut, const float *__restrict__ dots,
                                   const float *__restrict__ lse, const float *__restrict__ qkv, const int *__restrict__ starts, int T, int H,
                                   int K, int window, float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  float *queries = reinterpret_cast<float *>(shared), *d_outs = queries + OWN, *keys = d_outs + OWN, *values = keys + PASSING;
  const Place at(starts, T, H, K, window);
  const int head = blockIdx.x, from = (gridDim.z - 1 - blockIdx.z) * ROWS, own = threadIdx.x / 4 * PITCH, query = from + threadIdx.x / 4;
  const float *k_head = qkv + at.row * at.pitch + (H + head / (H / K)) * HEAD_WIDTH;
  load_rows<ROWS>(queries, qkv + at.row * at.pitch + head * HEAD_WIDTH, at.pitch, from, T, scale);
  load_rows<ROWS>(d_outs, dOut + at.row * at.out_pitch + head * HEAD_WIDTH, at.out_pitch, from, T, 1);
  const int first = query < T ? first_key(at.sight, query) : T, end = from + ROWS < T ? from + ROWS : T;
  const float log_sum = query < T ? lse[(at.row + query) * H + head] : 0, dot = query < T ? dots[(at.row + query) * H + head] : 0;
  float d_query[SHARE] = {};
  for (int key = first_key(at.sight, from); key < end; key += BLOCK) {
    __syncthreads();
    load_rows<BLOCK>(keys, k_head, at.pitch, key, T, 1);
    load_rows<BLOCK>(values, k_head + K * HEAD_WIDTH, at.pitch, key, T, 1);
    __syncthreads();
    float scores[STEPS], d_scores[STEPS];
    products_with(scores, queries + own, keys);
    products_with(d_scores, d_outs + own, values);
#pragma unroll
    for (int j = 0; j < STEPS; j++) {
      const int place = key + j * 4 + threadIdx.x % 4;
      d_scores[j] = place < first || place > query ? 0 : expf(scores[j] - log_sum) * (d_scores[j] - dot);
    }
    add_weighted(d_query, d_scores, keys);
  }
  if (query < T) store_row(dQkv + (at.row + query) * at.pitch + head * HEAD_WIDTH, d_query, scale);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_backward_keys_f32(float *__restrict__ dQkv, const float *__restrict__ dOut, const float *__restrict__ dots,
                                const float *__restrict__ lse, const float *__restrict__ qkv, const int *__restrict__ starts, int T, int H,
                                int K, int window, float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  float *keys = reinterpret_cast<float *>(shared), *values = keys + OWN, *queries = values + OWN, *d_outs = queries + PASSING;
  const Place at(starts, T, H, K, window);
  const int head = blockIdx.x, from = blockIdx.z * ROWS, own = threadIdx.x / 4 * PITCH, key = from + threadIdx.x / 4;
  const float *k_head = qkv + at.row * at.pitch + (H + head) * HEAD_WIDTH;
  load_rows<ROWS>(keys, k_head, at.pitch, from, T, 1);
  load_rows<ROWS>(values, k_head + K * HEAD_WIDTH, at.pitch, from, T, 1);
  const int blocks = query_blocks(at.sight, from, from + ROWS, BLOCK);
  float d_key[SHARE] = {}, d_value[SHARE] = {};
  for (int step = 0; step < blocks * (H / K); step++) {
    const int q_head = head * (H / K) + step / blocks, query = from + step % blocks * BLOCK;
    __syncthreads();
    load_rows<BLOCK>(queries, qkv + at.row * at.pitch + q_head * HEAD_WIDTH, at.pitch, query, T, scale);
    load_rows<BLOCK>(d_outs, dOut + at.row * at.out_pitch + q_head * HEAD_WIDTH, at.out_pitch, query, T, 1);
    __syncthreads();
    float powers[STEPS], d_scores[STEPS];
    products_with(powers, keys + own, queries);
    products_with(d_scores, values + own, d_outs);
#pragma unroll
    for (int j = 0; j < STEPS; j++) {
      const int place = query + j * 4 + threadIdx.x % 4;
      const bool seen = place < T && key <= place && first_key(at.sight, place < T ? place : T - 1) <= key;
      const long long index = (at.row + place) * H + q_head;
      powers[j] = seen ? expf(powers[j] - lse[index]) : 0;
      d_scores[j] = seen ? powers[j] * (d_scores[j] - dots[index]) : 0;
    }
    add_weighted(d_value, powers, d_outs);
    add_weighted(d_key, d_scores, queries);
  }
  if (key >= T) return;
  store_row(dQkv + (at.row + key) * at.pitch + (H + head) * HEAD_WIDTH, d_key, 1);
  store_row(dQkv + (at.row + key) * at.pitch + (H + K + head) * HEAD_WIDTH, d_value, 1);
}
