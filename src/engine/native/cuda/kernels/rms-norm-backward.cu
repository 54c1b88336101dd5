/*
 * Gradient of RMSNorm. A block takes every gridDim.x-th group of rows; its threads keep their columns' part of dWeight in registers and
 * write it to parts_PC at the end, which `sum-parts.cu` adds up: the order depends on the shapes only.
 * -D: ACTIVATION (float or bf16), COLUMNS, PACK (values of an access), TEAM.
 */
#include "scalar.cuh"

#define STEPS ((COLUMNS / PACK + TEAM - 1) / TEAM)
#define ROWS (TEAM > 32 ? 1 : 256 / TEAM)

typedef Pack<ACTIVATION, PACK> pack_t;

/* This thread's sums of dWeight, over the rows of its block, to the block's row of parts. */
__device__ inline void store_part(float *part_C, const float (&sums)[STEPS][PACK]) {
  const int lane = threadIdx.x % TEAM;
#if TEAM > 32
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int column = (step * TEAM + lane) * PACK;
    if (column >= COLUMNS) continue;
    for (int i = 0; i < PACK; i++) part_C[column + i] = sums[step][i];
  }
#else
  __shared__ float of_rows[ROWS][COLUMNS];
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int column = (step * TEAM + lane) * PACK;
    if (column >= COLUMNS) continue;
    for (int i = 0; i < PACK; i++) of_rows[threadIdx.x / TEAM][column + i] = sums[step][i];
  }
  __syncthreads();
  for (int column = threadIdx.x; column < COLUMNS; column += ROWS * TEAM) {
    float sum = 0;
    for (int row = 0; row < ROWS; row++) sum += of_rows[row][column];
    part_C[column] = sum;
  }
#endif
}

/* dX adds (`overwrite`: is) rstd·(w·dOut − x·rstd²·mean(w·dOut·x)); a row of parts is Σ dOut·x·rstd over the rows of its block. */
extern "C" __global__ void __launch_bounds__(ROWS *TEAM)
    rms_norm_backward(ACTIVATION *dX_NC, float *parts_PC, const ACTIVATION *__restrict__ dOut_NC, const ACTIVATION *__restrict__ x_NC,
                      const float *__restrict__ rstd_N, const ACTIVATION *__restrict__ weight_C, int N, int overwrite) {
  const int lane = threadIdx.x % TEAM;
  float sums[STEPS][PACK] = {};
  /* The bound is the same for all threads of a block, which meet in team_sum. */
  for (int first = blockIdx.x * ROWS; first < N; first += gridDim.x * ROWS) {
    const int row = first + threadIdx.x / TEAM;
    const long long start = (long long)row * COLUMNS;
    const int columns = row < N ? COLUMNS : 0;
    const float rstd = row < N ? rstd_N[row] : 0.0f;
    pack_t x[STEPS], d[STEPS], before[STEPS];
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int column = (step * TEAM + lane) * PACK;
      x[step].fill(0), d[step].fill(0), before[step].fill(0);
      if (column >= columns) continue;
      x[step].load(x_NC + start + column);
      d[step].load(dOut_NC + start + column);
      if (!overwrite) before[step].load(dX_NC + start + column);
    }
    float products = 0;
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int column = (step * TEAM + lane) * PACK;
      if (column >= columns) continue;
      pack_t weight;
      weight.load(weight_C + column);
      for (int i = 0; i < PACK; i++) {
        sums[step][i] += d[step].values[i] * (x[step].values[i] * rstd);
        d[step].values[i] *= weight.values[i];
        products += d[step].values[i] * x[step].values[i];
      }
    }
    const float along = rstd * rstd * (team_sum<TEAM>(products) / COLUMNS);
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int column = (step * TEAM + lane) * PACK;
      if (column >= columns) continue;
      for (int i = 0; i < PACK; i++) before[step].values[i] += rstd * (d[step].values[i] - x[step].values[i] * along);
      before[step].store(dX_NC + start + column);
    }
  }
  store_part(parts_PC + (long long)blockIdx.x * COLUMNS, sums);
}
