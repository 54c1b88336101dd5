/*
 * Cross-entropy and its gradient in place, one block for each row of logits.
 *
 * The first pass keeps the greatest logit and the sum of exponentials at once; the second, which writes the gradient, goes backwards, since
 * the end of the row is still in the caches: device memory sees one read and one write. Exponentials are powers of two, with one fused
 * multiply-add before each; the rounding of their reference point is the same in sum and gradient, where it cancels.
 * -D: ACTIVATION (float or bf16), PACK (values of an access), THREADS (a power of two, at least 32), LOSS_SCALE (its index in scalars).
 */
#include "scalar.cuh"

#define LOG2_E 1.4426950408889634f
/* Packs that a thread has on their way at a time. */
#define AHEAD 4

typedef Pack<ACTIVATION, PACK> pack_t;

/* Σ exp(x − top), with `top` the greatest x. The exponents are fma(x, log₂e, −scaled(top)). */
struct powers_t {
  float top, total;
};

/* Rounded, always: joined with a subtraction it would be another number here than there. */
__device__ inline float scaled(float top) { return __fmul_rn(top, LOG2_E); }

/* Adds the columns of a pack that count. */
__device__ inline void add_pack(powers_t &sum, pack_t &x, int column, int vocabulary) {
  float top = sum.top;
#pragma unroll
  for (int i = 0; i < PACK; i++) {
    if (column + i >= vocabulary) x.values[i] = float_of_bits(0xff800000u);
    top = fmaxf(top, x.values[i]);
  }
  float total = sum.total * exp2f(scaled(sum.top) - scaled(top));
#pragma unroll
  for (int i = 0; i < PACK; i++) total += exp2f(fmaf(x.values[i], LOG2_E, -scaled(top)));
  sum = powers_t{top, total};
}

__device__ inline powers_t powers_of(const ACTIVATION *row_V, int vocabulary) {
  /* Finite, so that no difference of infinities arises. */
  powers_t sum = {-2.0e38f, 0.0f};
  for (int first = threadIdx.x * PACK; first < vocabulary; first += THREADS * PACK * AHEAD) {
    pack_t x[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
      if (first + k * THREADS * PACK < vocabulary) x[k].load(row_V + first + k * THREADS * PACK);
#pragma unroll
    for (int k = 0; k < AHEAD; k++)
      if (first + k * THREADS * PACK < vocabulary) add_pack(sum, x[k], first + k * THREADS * PACK, vocabulary);
  }
  const float top = team_max<THREADS>(sum.top);
  return powers_t{top, team_sum<THREADS>(sum.total * exp2f(scaled(sum.top) - scaled(top)))};
}

/* scale·(softmax − onehot) in the row's place; 0 behind the vocabulary. */
__device__ inline void write_gradient(ACTIVATION *row_V, powers_t sum, int target, float scale, int vocabulary, int columns) {
  const float share = 1.0f / sum.total;
  const int packs = columns / PACK, mine = (packs - (int)threadIdx.x + THREADS - 1) / THREADS;
#pragma unroll 4
  for (int turn = mine - 1; turn >= 0; turn--) {
    const int column = (turn * THREADS + threadIdx.x) * PACK;
    pack_t x;
    x.load(row_V + column);
#pragma unroll
    for (int i = 0; i < PACK; i++) {
      const float p = exp2f(fmaf(x.values[i], LOG2_E, -scaled(sum.top))) * share;
      x.values[i] = column + i < vocabulary ? scale * (column + i == target ? p - 1.0f : p) : 0.0f;
    }
    x.store(row_V + column);
  }
}

/*
 * loss[n] = mask[n]·(log Σ exp logits[n] − logits[n, target]); with `gradient` the logits become lossScale·mask[n]·(softmax − onehot).
 * Rows whose mask is 0 are not read.
 */
extern "C" __global__ void __launch_bounds__(THREADS)
    cross_entropy(float *loss_N, ACTIVATION *logits_NV, const int *__restrict__ targets_N, const float *__restrict__ mask_N,
                  const float *__restrict__ scalars, int vocabulary, int columns, int gradient) {
  const int row = blockIdx.x, target = targets_N[row];
  const float mask = mask_N[row];
  ACTIVATION *row_V = logits_NV + (long long)row * columns;
  if (mask == 0.0f) {
    if (threadIdx.x == 0) loss_N[row] = 0.0f;
    pack_t zeros;
    zeros.fill(0);
    if (gradient)
      for (int column = threadIdx.x * PACK; column < columns; column += THREADS * PACK) zeros.store(row_V + column);
    return;
  }
  const float hit = to_float(row_V[target]);
  const powers_t sum = powers_of(row_V, vocabulary);
  /* scaled(top) is rounded, which has moved all powers alike; here alone it would show. */
  const float moved = fmaf(sum.top, LOG2_E, -scaled(sum.top));
  if (threadIdx.x == 0) loss_N[row] = mask * (logf(sum.total * exp2f(-moved)) + (sum.top - hit));
  /* All threads have read their `hit`, since they met in the sums. */
  if (gradient) write_gradient(row_V, sum, target, scalars[LOSS_SCALE] * mask, vocabulary, columns);
}
