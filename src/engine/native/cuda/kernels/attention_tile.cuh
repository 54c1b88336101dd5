/*
 * What the tensor-core attention kernels share: tiles of rows of heads in shared memory, and products of a warp's rows with them.
 *
 * A tile has rows of PADDED values (HEAD_WIDTH rounded up to 16, zeros behind it) and 16 bytes more: an odd number of 16-byte units lets
 * eight rows at one column, which is what ldmatrix reads at a time, fall into different banks, and leaves addresses linear, so that
 * they cost no instruction as those of an exclusive-or swizzle do.
 */
#pragma once
#include "attention_visible.cuh"
#include "scalar.cuh"
#include "tensor_core.cuh"

constexpr int PADDED = (HEAD_WIDTH + 15) / 16 * 16;
constexpr int PITCH = PADDED + 8;
constexpr int THREADS = WARPS * 32;
constexpr int COLUMNS = PADDED / 8;
constexpr float LOG2_E = 1.4426950408889634f;
/* A hidden score, and a maximum before the first score: far enough apart that exp2 of the difference is 0, and no NaN comes from it. */
constexpr float HIDDEN = -3e38f, LOWEST = -1e38f;

/* Starts copying rows from..from+ROWS−1 of a head, `pitch` values apart in memory; rows from `end` on become zeros. */
template <int ROWS> __device__ inline void load_tile(bf16 *tile, const bf16 *head, int pitch, int from, int end) {
  constexpr int AT_ONCE = THREADS / COLUMNS;
  const int row = threadIdx.x / COLUMNS, column = threadIdx.x % COLUMNS * 8;
  const bf16 *source = head + static_cast<long long>(from + row) * pitch + column;
  bf16 *target = tile + row * PITCH + column;
  if (row >= AT_ONCE) return;
#pragma unroll 1 /* the accumulators leave no registers for addresses of copies side by side */
  for (int i = row; i < ROWS; i += AT_ONCE) {
    const bool valid = from + i < end && column < HEAD_WIDTH;
    if constexpr (HEAD_WIDTH % 8 == 0) {
      copy_async_16(target, source, valid);
    } else {
      for (int j = 0; j < 8; j++) target[j] = valid && column + j < HEAD_WIDTH ? source[j] : bf16{0};
    }
    source += AT_ONCE * pitch, target += AT_ONCE * PITCH;
  }
}

/* out[M·16, N·8] += a[M·16, PADDED] · b[N·8, PADDED]ᵀ for the rows of this warp. */
template <int M, int N> __device__ inline void multiply_transposed(float (&out)[M][N][4], const bf16 *a, const bf16 *b) {
  const int lane = threadIdx.x % 32;
  a += lane % 16 * PITCH + lane / 16 * 8;
  b += (lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 8;
#pragma unroll
  for (int d = 0; d < PADDED; d += 16) {
    unsigned a_part[M][4];
#pragma unroll
    for (int m = 0; m < M; m++) ldmatrix_x4(a_part[m], a + m * 16 * PITCH + d);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      unsigned b_part[4];
      ldmatrix_x4(b_part, b + n * 8 * PITCH + d);
#pragma unroll
      for (int m = 0; m < M; m++) {
        mma_bf16_16x8x16(out[m][n], a_part[m], b_part);
        mma_bf16_16x8x16(out[m][n + 1], a_part[m], b_part + 2);
      }
    }
  }
}

/* out[M·16, PADDED] += bf16(weights[M·16, N·8]) · rows[N·8, PADDED]. */
template <int M, int N>
__device__ inline void multiply(float (&out)[M][COLUMNS][4], const float (&weights)[M][N][4], const bf16 *rows) {
  const int lane = threadIdx.x % 32;
  rows += lane % 16 * PITCH + lane / 16 * 8;
#pragma unroll
  for (int n = 0; n < N; n += 2) {
    unsigned a_part[M][4];
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float *pair = weights[m][n + i / 2] + i % 2 * 2;
        a_part[m][i] = round_pair(pair[0], pair[1]);
      }
#pragma unroll
    for (int d = 0; d < COLUMNS; d += 2) {
      unsigned b_part[4];
      ldmatrix_x4_trans(b_part, rows + n * 8 * PITCH + d * 8);
#pragma unroll
      for (int m = 0; m < M; m++) {
        mma_bf16_16x8x16(out[m][d], a_part[m], b_part);
        mma_bf16_16x8x16(out[m][d + 1], a_part[m], b_part + 2);
      }
    }
  }
}

/* The M·16 queries of a warp, from `from` on, and which of them see keys of a block of N·8: a lane holds rows m·16 + half·8 + lane/4. */
template <int M, int N> struct QueryRows {
  int from, last, any_first, all_first;

  __device__ QueryRows(const Sight &sight, int query) : from(query) {
    last = (query + M * 16 < sight.T ? query + M * 16 : sight.T) - 1;
    any_first = query <= last ? first_key(sight, query) : sight.T;
    all_first = query + M * 16 <= sight.T ? first_key(sight, last) : sight.T;
  }

  /* Whether any query sees any key of the block at `key`; whether all see all. */
  __device__ bool some(int key) const { return key <= last && key + N * 8 > any_first; }
  __device__ bool all(int key) const { return key >= all_first && key + N * 8 - 1 <= from; }

  __device__ void hide(float (&scores)[M][N][4], int key, const Sight &sight) const {
    key += threadIdx.x % 4 * 2;
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int query = from + m * 16 + half * 8 + threadIdx.x % 32 / 4;
        const int first = query < sight.T ? first_key(sight, query) : sight.T;
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
          for (int i = 0; i < 2; i++)
            if (key + n * 8 + i < first || key + n * 8 + i > query) scores[m][n][half * 2 + i] = HIDDEN;
      }
  }
};

template <int M, int N> __device__ inline void clear(float (&fragments)[M][N][4]) {
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) fragments[m][n][i] = 0;
}

/*
 * Rounds values[M·16, PADDED] · factor (one for each of the lane's rows, row m·16 + half·8 + lane/4) to bf16 and stores rows up to `count`
 * of them in memory. They pass through `tile`, rows of shared memory that only this warp still uses.
 */
template <int M>
__device__ inline void store_rows(bf16 *head, int pitch, int count, bf16 *tile, const float (&values)[M][COLUMNS][4],
                                  const float (&factor)[M][2]) {
  const int lane = threadIdx.x % 32;
  __syncwarp();
#pragma unroll
  for (int m = 0; m < M; m++)
#pragma unroll
    for (int n = 0; n < COLUMNS; n++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const float *pair = values[m][n] + half * 2;
        bf16 *place = tile + (m * 16 + half * 8 + lane / 4) * PITCH + n * 8 + lane % 4 * 2;
        *reinterpret_cast<unsigned *>(place) = round_pair(pair[0] * factor[m][half], pair[1] * factor[m][half]);
      }
  __syncwarp();
  constexpr int WIDTH = HEAD_WIDTH % 8 == 0 ? 8 : 1, UNITS = HEAD_WIDTH / WIDTH;
  for (int unit = lane; unit < M * 16 * UNITS; unit += 32) {
    const int row = unit / UNITS, column = unit % UNITS * WIDTH;
    if (row >= count) continue;
    if constexpr (WIDTH == 8)
      *reinterpret_cast<uint4 *>(head + static_cast<long long>(row) * pitch + column) = *reinterpret_cast<const uint4 *>(tile + row * PITCH + column);
    else
      head[static_cast<long long>(row) * pitch + column] = tile[row * PITCH + column];
  }
}
