/*
 * Attention, backwards, bf16 on tensor cores: first Σ dOut·out, then the gradient of the queries. With p = exp(score − lse) and
 * dp = dOut·v: dScore = p·(dp − Σ dOut·out), dQ = dScore·K/√D. Keys and values have a kernel of their own: each sum then belongs to one
 * warp and has one order, without atomics, for 7 products of tiles instead of the 5 of a kernel that does all and adds up dQ in memory.
 *
 *   dQkv[N, (H+2K)·D] bf16 (the first H·D columns are set), dots[N, H] float, dOut, out[N, H·D] bf16, lse[N, H] float
 *
 * Blocks, tiles and the ring as in attention_forward.cu, but values come before keys, which are used twice. dOut has a tile like q.
 * Compiled with HEAD_WIDTH, BLOCK_Q, BLOCK_K, WARPS and STAGES.
 */
#include "attention_tile.cuh"

constexpr int M = BLOCK_Q / (WARPS * 16), N = BLOCK_K / 8;
constexpr int TILE = BLOCK_K * PITCH;
constexpr int TEAM = COLUMNS > 16 ? 32 : COLUMNS > 8 ? 16 : COLUMNS > 4 ? 8 : 4;

/* dots = Σ dOut·out of each head of each token; a team of threads has a head, 8 values a thread. */
extern "C" __global__ void attention_dots(float *__restrict__ dots, const bf16 *__restrict__ dOut, const bf16 *__restrict__ out, int heads) {
  const long long head = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / TEAM;
  const int column = threadIdx.x % TEAM * 8, lane = threadIdx.x % TEAM;
  float sum = 0;
  if (head < heads) {
    const bf16 *d_out_row = dOut + head * HEAD_WIDTH, *out_row = out + head * HEAD_WIDTH;
    if constexpr (HEAD_WIDTH % 8 == 0) {
      Pack<bf16> a, b;
      a.fill(0), b.fill(0);
      if (column < HEAD_WIDTH) a.load(d_out_row + column), b.load(out_row + column);
#pragma unroll
      for (int i = 0; i < 8; i++) sum = fmaf(a.values[i], b.values[i], sum);
    } else {
      for (int i = column; i < column + 8 && i < HEAD_WIDTH; i++) sum = fmaf(to_float(d_out_row[i]), to_float(out_row[i]), sum);
    }
  }
  sum = team_sum<TEAM>(sum);
  if (lane == 0 && head < heads) dots[head] = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_backward_queries(bf16 *__restrict__ dQkv, const bf16 *__restrict__ dOut, const float *__restrict__ dots,
                               const float *__restrict__ lse, const bf16 *__restrict__ qkv, const int *__restrict__ starts, int T, int H,
                               int K, int window, float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  bf16 *queries = reinterpret_cast<bf16 *>(shared), *d_outs = queries + BLOCK_Q * PITCH, *ring = d_outs + BLOCK_Q * PITCH;
  const int head = blockIdx.x, from = (gridDim.z - 1 - blockIdx.z) * BLOCK_Q, lane = threadIdx.x % 32;
  const int pitch = (H + 2 * K) * HEAD_WIDTH, out_pitch = H * HEAD_WIDTH;
  const long long row = static_cast<long long>(blockIdx.y) * T;
  const bf16 *k_head = qkv + row * pitch + (H + head / (H / K)) * HEAD_WIDTH, *v_head = k_head + K * HEAD_WIDTH;
  const Sight sight = {starts + row, T, window};

  const int begin = first_key(sight, from), end = from + BLOCK_Q < T ? from + BLOCK_Q : T;
  const int steps = (end - begin + BLOCK_K - 1) / BLOCK_K * 2;
  const auto load = [&](int step) {
    if (step < steps)
      load_tile<BLOCK_K>(ring + step % STAGES * TILE, step % 2 == 0 ? v_head : k_head, pitch, begin + step / 2 * BLOCK_K, T);
    copy_async_commit();
  };
  const auto arrive = [&](int step) {
    copy_async_wait<STAGES - 2>();
    __syncthreads();
    load(step + STAGES - 1);
    return ring + step % STAGES * TILE;
  };
  load_tile<BLOCK_Q>(queries, qkv + row * pitch + head * HEAD_WIDTH, pitch, from, T);
  load_tile<BLOCK_Q>(d_outs, dOut + row * out_pitch + head * HEAD_WIDTH, out_pitch, from, T);
  for (int step = 0; step < STAGES - 1; step++) load(step);

  const int warp_row = threadIdx.x / 32 * M * 16, warp_from = from + warp_row;
  bf16 *warp_queries = queries + warp_row * PITCH, *warp_d_outs = d_outs + warp_row * PITCH;
  const QueryRows<M, N> rows(sight, warp_from);
  float lse2[M][2], dot[M][2], factor[M][2];
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int query = warp_from + m * 16 + half * 8 + lane / 4;
      lse2[m][half] = query < T ? lse[(row + query) * H + head] * LOG2_E : 0;
      dot[m][half] = query < T ? dots[(row + query) * H + head] : 0;
    }

  float d_queries[M][COLUMNS][4];
  clear(d_queries);
  const float scale2 = scale * LOG2_E;
  for (int step = 0; step < steps; step += 2) {
    const int key = begin + step / 2 * BLOCK_K;
    const bool seen = rows.some(key);
    float d_scores[M][N][4];
    const bf16 *values = arrive(step);
    if (seen) {
      clear(d_scores);
      multiply_transposed(d_scores, warp_d_outs, values);
    }
    const bf16 *keys = arrive(step + 1);
    if (!seen) continue;
    float scores[M][N][4];
    clear(scores);
    multiply_transposed(scores, warp_queries, keys);
    if (!rows.all(key)) rows.hide(scores, key, sight);
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
      for (int n = 0; n < N; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float p = exp2_approximate(fmaf(scores[m][n][i], scale2, -lse2[m][i / 2]));
          d_scores[m][n][i] = p * (d_scores[m][n][i] - dot[m][i / 2]);
        }
    multiply(d_queries, d_scores, keys);
  }

#pragma unroll
  for (int m = 0; m < M; m++) factor[m][0] = factor[m][1] = scale;
  copy_async_wait<0>();
  store_rows(dQkv + (row + warp_from) * pitch + head * HEAD_WIDTH, pitch, T - warp_from, warp_queries, d_queries, factor);
}
