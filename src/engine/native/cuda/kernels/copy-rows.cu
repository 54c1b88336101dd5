/*
 * Rows moved as they are: columns out of a wider matrix or into one, and rows of a table by their numbers, out of it or into it. Units of
 * BYTES, whatever they hold.
 * -D: BYTES (2, 4, 8 or 16).
 */
#include "scalar.cuh"

/* out[n, 0:units] = x[n, 0:units] for rows that lie outStride and xStride units apart. */
extern "C" __global__ void __launch_bounds__(256)
    copy_columns(unsigned char *__restrict__ out, const unsigned char *__restrict__ x, int N, int units, int outStride, int xStride) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
#pragma unroll 4
  for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
    Words<BYTES> words;
    words.load(x + ((long long)row * xStride + unit) * BYTES);
    words.store(out + ((long long)row * outStride + unit) * BYTES);
  }
}

/* out[n, :] = table[ids[n], :]. */
extern "C" __global__ void __launch_bounds__(256)
    embed(unsigned char *__restrict__ out_NC, const unsigned char *__restrict__ table_VC, const int *__restrict__ ids_N, int N, int units) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  const long long from = (long long)ids_N[row] * units, to = (long long)row * units;
#pragma unroll 4
  for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
    Words<BYTES> words;
    words.load(table_VC + (from + unit) * BYTES);
    words.store(out_NC + (to + unit) * BYTES);
  }
}

/* out[rows[n], :] = x[n, 0:units] for rows of x that lie xStride units apart. */
extern "C" __global__ void __launch_bounds__(256)
    place_rows(unsigned char *__restrict__ out, const unsigned char *__restrict__ x, const int *__restrict__ rows, int N, int units, int xStride) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  const long long to = (long long)rows[row] * units, from = (long long)row * xStride;
#pragma unroll 4
  for (int unit = threadIdx.x; unit < units; unit += blockDim.x) {
    Words<BYTES> words;
    words.load(x + (from + unit) * BYTES);
    words.store(out + (to + unit) * BYTES);
  }
}
