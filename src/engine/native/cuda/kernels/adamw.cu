/*
 * AdamW over a range of parameters of any length, eight at a time; the gradient is zeroed on the way.
 *
 * Arithmetic is float32 whatever the storage. Values that are carried from step to step in bf16 (moments; the weight where it has no master)
 * are rounded stochastically: the nearest bf16 would swallow changes below 1/256 of a value. The random bits are f(step's key, index in the
 * arena), so no generator has a state.
 * -D: WEIGHT, MOMENT, GRADIENT (float or bf16), HAS_MASTER (0 or 1), and of each scalar its index: CLIP_SCALE, LEARNING_RATE, BETA1, BETA2,
 * ONE_MINUS_BETA1, ONE_MINUS_BETA2,
 * EPSILON, WEIGHT_DECAY, CORRECTION1, CORRECTION2, ROUNDING_KEY1, ROUNDING_KEY2.
 */
#include "scalar.cuh"

#define GROUP 8

/* The first `live` values of a group; all of them in accesses of 16 bytes. */
template <typename T> __device__ inline void load_group(float (&values)[GROUP], const T *from, int live) {
  if (live == GROUP) {
    Pack<T, GROUP> pack;
    pack.load(from);
#pragma unroll
    for (int i = 0; i < GROUP; i++) values[i] = pack.values[i];
    return;
  }
#pragma unroll
  for (int i = 0; i < GROUP; i++) values[i] = i < live ? to_float(from[i]) : 0.0f;
}

/* Values that bf16 cannot hold are rounded to nearest. */
template <typename T> __device__ inline void store_group(T *to, const float (&values)[GROUP], int live) {
  if (live == GROUP) {
    Pack<T, GROUP> pack;
#pragma unroll
    for (int i = 0; i < GROUP; i++) pack.values[i] = values[i];
    pack.store(to);
    return;
  }
#pragma unroll
  for (int i = 0; i < GROUP; i++)
    if (i < live) to[i] = from_float<T>(values[i]);
}

/* What is kept in T is rounded stochastically: `use` (0, 1 or 2) separates the random bits of a group's three ranges. */
template <typename T> __device__ inline void round_group(float (&values)[GROUP], long long group, int use, unsigned key1, unsigned key2) {
  if (sizeof(T) == 4) return;
  unsigned words[4] = {unsigned(group), unsigned(group >> 32), unsigned(use), 0u};
  philox(words, key1, key2);
#pragma unroll
  for (int i = 0; i < GROUP; i++) values[i] = rounded_stochastically(values[i], words[i / 2] >> 16 * (i % 2));
}

/* Index `first` in the arena belongs to element 0 of all ranges; it is a multiple of 8. */
extern "C" __global__ void __launch_bounds__(256)
    adamw(WEIGHT *__restrict__ weight, float *__restrict__ master, MOMENT *__restrict__ moment1, MOMENT *__restrict__ moment2,
          GRADIENT *__restrict__ gradient, const float *__restrict__ scalars, long long count, long long first, int decays) {
  const float rate = scalars[LEARNING_RATE], beta1 = scalars[BETA1], beta2 = scalars[BETA2], epsilon = scalars[EPSILON];
  const float rest1 = scalars[ONE_MINUS_BETA1], rest2 = scalars[ONE_MINUS_BETA2], clip = scalars[CLIP_SCALE], correction2 = scalars[CORRECTION2];
  const float step = rate / scalars[CORRECTION1], shrink = decays ? rate * scalars[WEIGHT_DECAY] : 0.0f;
  const unsigned key1 = (unsigned)scalars[ROUNDING_KEY1], key2 = (unsigned)scalars[ROUNDING_KEY2];
  const long long group = (long long)blockIdx.x * blockDim.x + threadIdx.x, at = group * GROUP, left = count - at;
  if (left <= 0) return;
  const int live = left < GROUP ? (int)left : GROUP;
  float g[GROUP], m[GROUP], v[GROUP], w[GROUP];
  load_group(g, gradient + at, live);
  load_group(m, moment1 + at, live);
  load_group(v, moment2 + at, live);
  if (HAS_MASTER) load_group(w, master + at, live);
  else load_group(w, weight + at, live);
#pragma unroll
  for (int i = 0; i < GROUP; i++) {
    g[i] *= clip;
    m[i] = beta1 * m[i] + rest1 * g[i];
    v[i] = beta2 * v[i] + rest2 * (g[i] * g[i]);
    w[i] -= step * m[i] / (sqrtf(v[i] / correction2) + epsilon) + shrink * w[i];
    g[i] = 0.0f;
  }
  const long long counter = first / GROUP + group;
  round_group<MOMENT>(m, counter, 0, key1, key2);
  round_group<MOMENT>(v, counter, 1, key1, key2);
  if (HAS_MASTER) store_group(master + at, w, live);
  else round_group<WEIGHT>(w, counter, 2, key1, key2);
  store_group(weight + at, w, live);
  store_group(moment1 + at, m, live);
  store_group(moment2 + at, v, live);
  store_group(gradient + at, g, live);
}
