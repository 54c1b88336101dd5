/*
 * A bias for every row, and its gradient.
 * -D: ACTIVATION (float or bf16), COLUMNS, PACK (values of an access).
 */
#include "scalar.cuh"

#define UNITS (COLUMNS / PACK)
/* Rows that a thread has on their way at a time. */
#define AHEAD 4

typedef Pack<ACTIVATION, PACK> pack_t;

/* out[n, :] adds bias. */
extern "C" __global__ void __launch_bounds__(256) add_bias(ACTIVATION *out_NC, const ACTIVATION *__restrict__ bias_C, int N) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  ACTIVATION *out_C = out_NC + (long long)row * COLUMNS;
  for (int unit = threadIdx.x; unit < UNITS; unit += blockDim.x) {
    pack_t sum, bias;
    sum.load(out_C + unit * PACK);
    bias.load(bias_C + unit * PACK);
#pragma unroll
    for (int i = 0; i < PACK; i++) sum.values[i] += bias.values[i];
    sum.store(out_C + unit * PACK);
  }
}

/*
 * parts[p, c] = Σ dOut[n, c] over the rows n of part p. A block is 32 packs wide and 8 strands deep; strand y of part p takes the rows
 * 8p + y, 8(p + P) + y, … of P parts, and the strands are added in order. `sum-parts.cu` adds up the parts.
 */
extern "C" __global__ void __launch_bounds__(256) sum_rows(float *parts_PC, const ACTIVATION *__restrict__ dOut_NC, int N) {
  const int unit = blockIdx.x * 32 + threadIdx.x;
  __shared__ float strands[8][PACK][32];
  float sums[PACK] = {};
  const int stride = gridDim.y * 8;
  for (int first = blockIdx.y * 8 + threadIdx.y; unit < UNITS && first < N; first += stride * AHEAD) {
    pack_t d[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      d[k].fill(0);
      if (first + k * stride < N) d[k].load(dOut_NC + (long long)(first + k * stride) * COLUMNS + unit * PACK);
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
#pragma unroll
      for (int i = 0; i < PACK; i++) sums[i] += d[k].values[i];
  }
#pragma unroll
  for (int i = 0; i < PACK; i++) strands[threadIdx.y][i][threadIdx.x] = sums[i];
  __syncthreads();
  if (threadIdx.y > 0 || unit >= UNITS) return;
#pragma unroll
  for (int i = 0; i < PACK; i++) {
    for (int strand = 1; strand < 8; strand++) sums[i] += strands[strand][i][threadIdx.x];
    parts_PC[(long long)blockIdx.y * COLUMNS + unit * PACK + i] = sums[i];
  }
}
