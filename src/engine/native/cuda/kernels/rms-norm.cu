/*
 * RMSNorm with the residual sum before it. TEAM threads hold a row in registers, so it is read once.
 * -D: ACTIVATION (float or bf16), COLUMNS, PACK (values of an access), TEAM.
 */
#include "scalar.cuh"

#define STEPS ((COLUMNS / PACK + TEAM - 1) / TEAM)
#define ROWS (TEAM > 32 ? 1 : 256 / TEAM)

typedef Pack<ACTIVATION, PACK> pack_t;

/* residual adds delta (null: nothing); out = residual · rstd · weight with rstd = 1 / √(mean residual² + epsilon), of the sum as stored. */
extern "C" __global__ void __launch_bounds__(ROWS *TEAM)
    rms_norm(ACTIVATION *out_NC, float *rstd_N, ACTIVATION *residual_NC, const ACTIVATION *delta_NC, const ACTIVATION *weight_C, float epsilon, int N) {
  const int row = blockIdx.x * ROWS + threadIdx.x / TEAM, lane = threadIdx.x % TEAM;
  const long long start = (long long)row * COLUMNS;
  const int columns = row < N ? COLUMNS : 0;
  pack_t x[STEPS];
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int column = (step * TEAM + lane) * PACK;
    x[step].fill(0);
    if (column < columns) x[step].load(residual_NC + start + column);
  }
  if (delta_NC) {
    pack_t delta[STEPS];
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int column = (step * TEAM + lane) * PACK;
      if (column < columns) delta[step].load(delta_NC + start + column);
    }
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int column = (step * TEAM + lane) * PACK;
      if (column >= columns) continue;
      for (int i = 0; i < PACK; i++) x[step].values[i] = rounded<ACTIVATION>(x[step].values[i] + delta[step].values[i]);
      x[step].store(residual_NC + start + column);
    }
  }
  float squares = 0;
#pragma unroll
  for (int step = 0; step < STEPS; step++)
    for (int i = 0; i < PACK; i++) squares += x[step].values[i] * x[step].values[i];
  const float rstd = 1.0f / sqrtf(team_sum<TEAM>(squares) / COLUMNS + epsilon);
  if (lane == 0 && row < N) rstd_N[row] = rstd;
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int column = (step * TEAM + lane) * PACK;
    if (column >= columns) continue;
    pack_t weight;
    weight.load(weight_C + column);
    for (int i = 0; i < PACK; i++) x[step].values[i] = x[step].values[i] * rstd * weight.values[i];
    x[step].store(out_NC + start + column);
  }
}
