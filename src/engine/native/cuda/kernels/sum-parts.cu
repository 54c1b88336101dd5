/*
 * The second half of every sum over rows: partial sums, one row of parts each, added up in one fixed order.
 * -D: GRADIENT (float or bf16).
 */
#include "scalar.cuh"

/* out[c] adds Σₚ parts[p, c]. A block has 32 columns and 32 strands; strand y takes the parts y, y + 32, … */
extern "C" __global__ void __launch_bounds__(1024) sum_parts(GRADIENT *out_C, const float *__restrict__ parts_PC, int P, int C) {
  const int column = blockIdx.x * 32 + threadIdx.x;
  __shared__ float strands[32][32];
  float sum = 0;
  if (column < C) {
#pragma unroll 4
    for (int part = threadIdx.y; part < P; part += 32) sum += parts_PC[(long long)part * C + column];
  }
  strands[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= C) return;
  float total = 0;
#pragma unroll
  for (int strand = 0; strand < 32; strand++) total += strands[strand][threadIdx.x];
  out_C[column] = from_float<GRADIENT>(to_float(out_C[column]) + total);
}
