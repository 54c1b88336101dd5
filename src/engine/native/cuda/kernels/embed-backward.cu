/*
 * Gradient of the embedding: each table row adds its tokens' gradients in the order of n, without atomics. Tokens come sorted by (id, n)
 * (`sort-tokens.cu`); the threads at the beginning of a run of equal ids add up the run.
 * -D: ACTIVATION and GRADIENT (float or bf16), COLUMNS, PACK (values of an access).
 */
#include "scalar.cuh"

#define UNITS (COLUMNS / PACK)
/* Rows of dOut that a thread has on their way at a time. */
#define AHEAD 8

/* dTable[id, :] adds dOut[n, :] for the run of tokens with this id that begins at the thread's place; elsewhere there is nothing to do. */
extern "C" __global__ void __launch_bounds__(256)
    add_runs(GRADIENT *dTable_VC, const ACTIVATION *__restrict__ dOut_NC, const int *__restrict__ orderedIds_N, const int *__restrict__ orderedTokens_N, int N) {
  const int begin = blockIdx.x * blockDim.y + threadIdx.y, unit = blockIdx.y * blockDim.x + threadIdx.x;
  if (begin >= N || unit >= UNITS) return;
  const int id = orderedIds_N[begin];
  if (begin > 0 && orderedIds_N[begin - 1] == id) return;
  GRADIENT *to = dTable_VC + (long long)id * COLUMNS + unit * PACK;
  Pack<GRADIENT, PACK> sum;
  sum.load(to);
  for (int at = begin; at < N && orderedIds_N[at] == id; at += AHEAD) {
    Pack<ACTIVATION, PACK> d[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      d[k].fill(0);
      if (at + k < N && orderedIds_N[at + k] == id) d[k].load(dOut_NC + (long long)orderedTokens_N[at + k] * COLUMNS + unit * PACK);
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
      for (int i = 0; i < PACK; i++) sum.values[i] += d[k].values[i];
  }
  sum.store(to);
}
