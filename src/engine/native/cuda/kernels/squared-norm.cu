/*
 * Σ x², accumulated in float64: every block sums a fixed share of the values, one block adds the blocks' sums in order.
 * -D: VALUE (float or bf16), PACK (values of an access).
 */
#include "scalar.cuh"

#define THREADS 256
/* Packs that a thread has on their way at a time. */
#define AHEAD 4

/* Sum over the block, in a fixed order; thread 0 gets it. */
__device__ inline double block_sum(double value) {
  __shared__ double sums[THREADS];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

__device__ inline double square(float x) { return (double)x * (double)x; }

extern "C" __global__ void __launch_bounds__(THREADS) sum_squares(double *parts_P, const VALUE *__restrict__ x, long long count) {
  const long long thread = (long long)blockIdx.x * THREADS + threadIdx.x, threads = (long long)gridDim.x * THREADS;
  const long long packs = count / PACK;
  double sum = 0;
  for (long long at = thread; at < packs; at += threads * AHEAD) {
    Pack<VALUE, PACK> some[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      some[k].fill(0);
      if (at + k * threads < packs) some[k].load(x + (at + k * threads) * PACK);
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
#pragma unroll
      for (int i = 0; i < PACK; i++) sum += square(some[k].values[i]);
  }
  const long long rest = packs * PACK + thread;
  if (rest < count) sum += square(to_float(x[rest]));
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts_P[blockIdx.x] = sum;
}

extern "C" __global__ void __launch_bounds__(THREADS) sum_blocks(float *out, const double *__restrict__ parts_P, int P) {
  double sum = 0;
  for (int part = threadIdx.x; part < P; part += THREADS) sum += parts_P[part];
  sum = block_sum(sum);
  if (threadIdx.x == 0) out[0] = (float)sum;
}
