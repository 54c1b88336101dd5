/*
 * Attention, forwards, bf16 on tensor cores: tile by tile with a running softmax, after Dao, "FlashAttention-2" (arXiv 2307.08691).
 * Token i of a row sees j with max(starts[i], i − window + 1) ≤ j ≤ i; query head h reads key/value head h·K/H.
 *
 *   out[N, H·D] bf16, lse[N, H] float (log Σ exp score), qkv[N, (H+2K)·D] bf16, starts[N] int, N = B·T
 *   keysValues: k, then v of a token, keyPitch values from one token to the next, rows of S: behind q in qkv, or a cache with `places`
 *
 * A block has BLOCK_Q queries of one head of one row, a warp BLOCK_Q/WARPS of them; grid (H, B, blocks of queries), those with most keys
 * first. Tiles of BLOCK_K keys, then their values, pass through a ring of STAGES in shared memory, copied STAGES − 1 ahead.
 * Compiled with HEAD_WIDTH, BLOCK_Q, BLOCK_K, WARPS and STAGES.
 */
#include "attention_tile.cuh"

constexpr int M = BLOCK_Q / (WARPS * 16), N = BLOCK_K / 8;
constexpr int TILE = BLOCK_K * PITCH;

/* A lane's part of the warp's rows: row m·16 + half·8 + lane/4. Scores are kept without the scale 1/√D. */
struct Running {
  float mixed[M][COLUMNS][4]; /* Σ p·v */
  float greatest[M][2], sum[M][2]; /* of the row; of the lane's columns */
};

/* Scores become exp2(scale2·(score − greatest)); what came before shrinks to the new greatest. */
__device__ inline void soften(float (&scores)[M][N][4], Running &r, float scale2) {
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float greatest = r.greatest[m][half];
#pragma unroll
      for (int n = 0; n < N; n++) greatest = fmaxf(greatest, fmaxf(scores[m][n][half * 2], scores[m][n][half * 2 + 1]));
      greatest = fmaxf(greatest, __shfl_xor_sync(ALL_LANES, greatest, 1));
      greatest = fmaxf(greatest, __shfl_xor_sync(ALL_LANES, greatest, 2));
      const float shrink = exp2_approximate((r.greatest[m][half] - greatest) * scale2), origin = greatest * scale2;
      r.greatest[m][half] = greatest;
      float sum = r.sum[m][half] * shrink;
#pragma unroll
      for (int n = 0; n < N; n++)
#pragma unroll
        for (int i = half * 2; i < half * 2 + 2; i++) {
          scores[m][n][i] = exp2_approximate(fmaf(scores[m][n][i], scale2, -origin));
          sum += scores[m][n][i];
        }
      r.sum[m][half] = sum;
#pragma unroll
      for (int d = 0; d < COLUMNS; d++) r.mixed[m][d][half * 2] *= shrink, r.mixed[m][d][half * 2 + 1] *= shrink;
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_forward(bf16 *__restrict__ out, float *__restrict__ lse, const bf16 *__restrict__ qkv, const int *__restrict__ starts,
                      const bf16 *__restrict__ keysValues, const int *__restrict__ places, int keyPitch, int S, int T, int H, int K, int window,
                      float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  bf16 *queries = reinterpret_cast<bf16 *>(shared), *ring = queries + BLOCK_Q * PITCH;
  const Rows at = rows_of(places, S, T);
  T += at.past;
  const long long row = at.queries;
  const int head = blockIdx.x, from = at.past + (gridDim.z - 1 - blockIdx.z) * BLOCK_Q, lane = threadIdx.x % 32;
  const int pitch = (H + 2 * K) * HEAD_WIDTH, out_pitch = H * HEAD_WIDTH, key_pitch = CACHED ? keyPitch : pitch;
  const bf16 *q_head = qkv + row * pitch + head * HEAD_WIDTH;
  /* Adding the heads to the row in two steps costs training the registers that it does not have. */
  const bf16 *k_head = CACHED ? keysValues + at.keys * key_pitch + head / (H / K) * HEAD_WIDTH
                              : qkv + row * pitch + (H + head / (H / K)) * HEAD_WIDTH;
  const bf16 *v_head = k_head + K * HEAD_WIDTH;
  const Sight sight = {starts + row, T, window};

  const int begin = first_key(sight, from), end = from + BLOCK_Q < T ? from + BLOCK_Q : T;
  const int steps = (end - begin + BLOCK_K - 1) / BLOCK_K * 2;
  const auto load = [&](int step) {
    if (step < steps)
      load_tile<BLOCK_K>(ring + step % STAGES * TILE, step % 2 == 0 ? k_head : v_head, key_pitch, begin + step / 2 * BLOCK_K, T);
    copy_async_commit();
  };
  const auto arrive = [&](int step) {
    copy_async_wait<STAGES - 2>();
    __syncthreads();
    load(step + STAGES - 1);
    return ring + step % STAGES * TILE;
  };
  load_tile<BLOCK_Q>(queries, q_head, pitch, from, T);
  for (int step = 0; step < STAGES - 1; step++) load(step);

  const int warp_row = threadIdx.x / 32 * M * 16, warp_from = from + warp_row;
  bf16 *warp_queries = queries + warp_row * PITCH;
  const QueryRows<M, N> rows(sight, warp_from);
  Running r;
  clear(r.mixed);
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      r.greatest[m][half] = LOWEST, r.sum[m][half] = 0;
    }

  for (int step = 0; step < steps; step += 2) {
    const int key = begin + step / 2 * BLOCK_K;
    const bool seen = rows.some(key);
    float scores[M][N][4];
    const bf16 *keys = arrive(step);
    if (seen) {
      clear(scores);
      multiply_transposed(scores, warp_queries, keys);
      if (!rows.all(key)) rows.hide(scores, key, sight);
      soften(scores, r, scale * LOG2_E);
    }
    const bf16 *values = arrive(step + 1);
    if (seen) multiply(r.mixed, scores, values);
  }

  float inverse[M][2];
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float sum = r.sum[m][half];
      sum += __shfl_xor_sync(ALL_LANES, sum, 1);
      sum += __shfl_xor_sync(ALL_LANES, sum, 2);
      inverse[m][half] = 1.0f / sum;
      const int query = warp_from + m * 16 + half * 8 + lane / 4;
      if (lane % 4 == 0 && query < T)
        lse[(row + query) * H + head] = fmaf(r.greatest[m][half], scale, logf(sum));
    }
  copy_async_wait<0>();
  bf16 *out_head = out + (row + warp_from) * out_pitch + head * HEAD_WIDTH;
  store_rows(out_head, out_pitch, T - warp_from, warp_queries, r.mixed, inverse);
}
