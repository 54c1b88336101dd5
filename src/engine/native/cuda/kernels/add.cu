/*
 * out adds x, element by element.
 * -D: ACTIVATION (float or bf16), PACK (values of an access).
 */
#include "scalar.cuh"

/* x may be out. The values behind the last whole pack are taken one at a time by the first threads. */
extern "C" __global__ void __launch_bounds__(256) add(ACTIVATION *out, const ACTIVATION *x, long long count) {
  const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x, threads = (long long)gridDim.x * blockDim.x;
  const long long packs = count / PACK;
  for (long long at = thread; at < packs; at += threads) {
    Pack<ACTIVATION, PACK> sum, more;
    sum.load(out + at * PACK);
    more.load(x + at * PACK);
#pragma unroll
    for (int i = 0; i < PACK; i++) sum.values[i] += more.values[i];
    sum.store(out + at * PACK);
  }
  const long long rest = packs * PACK + thread;
  if (rest < count) out[rest] = from_float<ACTIVATION>(to_float(out[rest]) + to_float(x[rest]));
}
