/*
 * Attention, backwards, bf16 on tensor cores: the gradients of keys and values. With p = exp(score − lse) and
 * dScore = p·(dOut·v − Σ dOut·out): dV = pᵀ·dOut and dK = dScoreᵀ·Q/√D, summed over the queries of all heads that share the key.
 *
 *   dQkv[N, (H+2K)·D] bf16 (the last 2K·D columns are set), dOut[N, H·D] bf16, dots, lse[N, H] float, qkv like dQkv, starts[N] int
 *
 * A block has BLOCK_K keys of one head of one row, a warp BLOCK_K/WARPS of them, and goes through the heads that share it and the blocks of
 * BLOCK_Q queries that see any of the keys, always in this order. Scores are held transposed, [keys, queries], so that p and dScore leave
 * one product's registers for the next one's. grid (K, B, blocks of keys), those with most queries first. A stage of the ring holds
 * queries, dOut, lse, dots and starts of a block, copied STAGES − 1 ahead.
 * Compiled with HEAD_WIDTH, BLOCK_Q, BLOCK_K, WARPS, STAGES, and SET_KEYS and SET_VALUES: 1 for the gradient to set, else 0 (wide
 * heads have no registers for both at once).
 */
#include "attention_tile.cuh"

constexpr int M = BLOCK_K / (WARPS * 16), N = BLOCK_Q / 8;

/* Queries of a block, and what belongs to them. */
struct Stage {
  bf16 queries[BLOCK_Q * PITCH], d_outs[BLOCK_Q * PITCH];
  float lse[BLOCK_Q], dots[BLOCK_Q];
  int starts[BLOCK_Q];
};

/* Hides scores[keys from `key`, queries from `query`] that are not seen. */
__device__ inline void hide(float (&scores)[M][N][4], int key, int query, const Stage &stage, const Sight &sight) {
  key += threadIdx.x % 32 / 4;
#pragma unroll
  for (int n = 0; n < N; n++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int column = n * 8 + threadIdx.x % 4 * 2 + i, place = query + column;
      const int first = place < sight.T ? first_key(stage.starts[column], place, sight.window) : sight.T;
#pragma unroll
      for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const int row = key + m * 16 + half * 8;
          if (row < first || row > place) scores[m][n][half * 2 + i] = HIDDEN;
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_backward_keys(bf16 *__restrict__ dQkv, const bf16 *__restrict__ dOut, const float *__restrict__ dots,
                            const float *__restrict__ lse, const bf16 *__restrict__ qkv, const int *__restrict__ starts, int T, int H, int K,
                            int window, float scale) {
  extern __shared__ __align__(16) unsigned char shared[];
  bf16 *keys = reinterpret_cast<bf16 *>(shared), *values = keys + BLOCK_K * PITCH;
  Stage *ring = reinterpret_cast<Stage *>(values + BLOCK_K * PITCH);
  const int head = blockIdx.x, from = blockIdx.z * BLOCK_K, group = H / K;
  const int pitch = (H + 2 * K) * HEAD_WIDTH, out_pitch = H * HEAD_WIDTH;
  const long long row = static_cast<long long>(blockIdx.y) * T;
  const Sight sight = {starts + row, T, window};

  const int end = from + BLOCK_K < T ? from + BLOCK_K : T;
  const int blocks = query_blocks(sight, from, end, BLOCK_Q), steps = blocks * group;
  const auto load = [&](int step) {
    if (step < steps) {
      Stage &stage = ring[step % STAGES];
      const int q_head = head * group + step / blocks, query = from + step % blocks * BLOCK_Q;
      load_tile<BLOCK_Q>(stage.queries, qkv + row * pitch + q_head * HEAD_WIDTH, pitch, query, T);
      load_tile<BLOCK_Q>(stage.d_outs, dOut + row * out_pitch + q_head * HEAD_WIDTH, out_pitch, query, T);
      for (int i = threadIdx.x; i < BLOCK_Q; i += THREADS) {
        const bool valid = query + i < T;
        const long long place = (row + query + i) * H + q_head;
        copy_async_4(stage.lse + i, lse + place, valid);
        copy_async_4(stage.dots + i, dots + place, valid);
        copy_async_4(stage.starts + i, sight.starts + query + i, valid);
      }
    }
    copy_async_commit();
  };
  const bf16 *k_head = qkv + row * pitch + (H + head) * HEAD_WIDTH;
  load_tile<BLOCK_K>(keys, k_head, pitch, from, T);
  load_tile<BLOCK_K>(values, k_head + K * HEAD_WIDTH, pitch, from, T);
  for (int step = 0; step < STAGES - 1; step++) load(step);

  const int warp_row = threadIdx.x / 32 * M * 16, warp_from = from + warp_row, warp_last = warp_from + M * 16 - 1;
  bf16 *warp_keys = keys + warp_row * PITCH, *warp_values = values + warp_row * PITCH;
  float d_keys[M][COLUMNS][4], d_values[M][COLUMNS][4];
  clear(d_keys);
  clear(d_values);
  const float scale2 = scale * LOG2_E;
  for (int step = 0; step < steps; step++) {
    copy_async_wait<STAGES - 2>();
    __syncthreads();
    load(step + STAGES - 1);
    const Stage &stage = ring[step % STAGES];
    const int query = from + step % blocks * BLOCK_Q;
    if (query + BLOCK_Q <= warp_from || first_key(stage.starts[0], query, window) > warp_last || warp_from >= T) continue;
    float powers[M][N][4];
    clear(powers);
    multiply_transposed(powers, warp_keys, stage.queries);
    const bool all = query >= warp_last && query + BLOCK_Q <= T &&
                     first_key(stage.starts[BLOCK_Q - 1], query + BLOCK_Q - 1, window) <= warp_from;
    if (!all) hide(powers, warp_from, query, stage, sight);
    const int lane_column = threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float lse2 = stage.lse[n * 8 + lane_column + i % 2] * LOG2_E;
#pragma unroll
        for (int m = 0; m < M; m++) powers[m][n][i] = exp2_approximate(fmaf(powers[m][n][i], scale2, -lse2));
      }
    if constexpr (SET_VALUES) multiply(d_values, powers, stage.d_outs);
    if constexpr (SET_KEYS) {
      float d_scores[M][N][4];
      clear(d_scores);
      multiply_transposed(d_scores, warp_values, stage.d_outs);
#pragma unroll
      for (int n = 0; n < N; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float dot = stage.dots[n * 8 + lane_column + i % 2];
#pragma unroll
          for (int m = 0; m < M; m++) d_scores[m][n][i] = powers[m][n][i] * (d_scores[m][n][i] - dot);
        }
      multiply(d_keys, d_scores, stage.queries);
    }
  }

  float factor[M][2];
  bf16 *d_k_head = dQkv + (row + warp_from) * pitch + (H + head) * HEAD_WIDTH;
  copy_async_wait<0>();
#pragma unroll
  for (int m = 0; m < M; m++) factor[m][0] = factor[m][1] = scale;
  if constexpr (SET_KEYS) store_rows(d_k_head, pitch, T - warp_from, warp_keys, d_keys, factor);
#pragma unroll
  for (int m = 0; m < M; m++) factor[m][0] = factor[m][1] = 1;
  if constexpr (SET_VALUES) store_rows(d_k_head + K * HEAD_WIDTH, pitch, T - warp_from, warp_values, d_values, factor);
}
