/*
 * Rotary positions, in place.
 * -D: ACTIVATION (float or bf16), HEAD_WIDTH, PACK (values of an access, divides HEAD_WIDTH / 2).
 */
#include "scalar.cuh"

#define HALF (HEAD_WIDTH / 2)
#define UNITS (HALF / PACK)

/*
 * The first `heads` heads of every row, which is `stride` values long: halves (x₁, x₂) become (x₁cos − x₂sin, x₂cos + x₁sin), with
 * cosines and sines in the halves of the table's row at the token's position. turn −1 rotates back.
 */
extern "C" __global__ void __launch_bounds__(256)
    rope(ACTIVATION *x_NX, const float *__restrict__ table_TD, const int *__restrict__ positions_N, int N, int heads, int stride, float turn) {
  const int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= N) return;
  const float *angles_D = table_TD + (long long)positions_N[row] * HEAD_WIDTH;
  for (int unit = threadIdx.x; unit < heads * UNITS; unit += blockDim.x) {
    const int head = unit / UNITS, d = unit % UNITS * PACK;
    ACTIVATION *first = x_NX + (long long)row * stride + head * HEAD_WIDTH + d;
    Pack<ACTIVATION, PACK> x1, x2;
    Pack<float, PACK> cosine, sine;
    x1.load(first);
    x2.load(first + HALF);
    cosine.load(angles_D + d);
    sine.load(angles_D + HALF + d);
#pragma unroll
    for (int i = 0; i < PACK; i++) {
      const float one = x1.values[i], two = x2.values[i], c = cosine.values[i], s = sine.values[i] * turn;
      x1.values[i] = one * c - two * s;
      x2.values[i] = two * c + one * s;
    }
    x1.store(first);
    x2.store(first + HALF);
  }
}
