/* The gradient's squared norm, and AdamW in one pass. Ranges are fixed, so neither depends on the number of threads. */
#include <math.h>
#include "abi.h"
#include "lanes.h"

#define NORM_PARTS 256
#define RANGE 4096

/* Four lanes on every machine: GCC converts wider vectors through memory. */
#define LANES 4
#define SUMS 8
typedef double vd __attribute__((vector_size(LANES * 8)));
typedef float four_anywhere __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static double squares_of(const float *x, int64_t count) {
  vd sums[SUMS] = {{0}};
  int64_t i = 0;
  for (; i + SUMS * LANES <= count; i += SUMS * LANES)
#pragma GCC unroll 8
    for (int k = 0; k < SUMS; k++) {
      const vd v = __builtin_convertvector(*(const four_anywhere *)(x + i + k * LANES), vd);
      sums[k] += v * v;
    }
  double sum = 0;
  for (int k = 0; k < SUMS; k++)
    for (int lane = 0; lane < LANES; lane++) sum += sums[k][lane];
  for (; i < count; i++) sum += (double)x[i] * x[i];
  return sum;
}

void op_squared_norm(const op_t *op) {
  const int64_t count = op->n[0], part_size = (count + NORM_PARTS - 1) / NORM_PARTS;
  double parts[NORM_PARTS], sum = 0;
#pragma omp parallel for schedule(static) if (count >= PARALLEL_FROM)
  for (int64_t part = 0; part < NORM_PARTS; part++) {
    const int64_t from = part * part_size, left = count - from;
    parts[part] = left > 0 ? squares_of((const float *)op->p[1] + from, least(left, part_size)) : 0;
  }
  for (int part = 0; part < NORM_PARTS; part++) sum += parts[part];
  *(float *)op->p[0] = (float)sum;
}

typedef struct {
  float clip, beta1, beta2, one_minus_beta1, one_minus_beta2, correction2, step, epsilon, shrink;
} adamw_t;

INLINE vf vf_sqrt(vf v) {
#if VL == 16
  return (vf)_mm512_sqrt_ps((__m512)v);
#else
  for (int i = 0; i < VL; i++) v[i] = sqrtf(v[i]);
  return v;
#endif
}

/* The first `lanes` values of each array. */
INLINE void adamw_lanes(const adamw_t *s, float *weight, float *moment1, float *moment2, float *gradient, int lanes) {
  const vf g = vf_load_lanes(gradient, lanes) * s->clip;
  const vf m = vf_load_lanes(moment1, lanes) * s->beta1 + g * s->one_minus_beta1;
  const vf v = vf_load_lanes(moment2, lanes) * s->beta2 + g * g * s->one_minus_beta2;
  const vf w = vf_load_lanes(weight, lanes);
  vf_store_lanes(moment1, m, lanes);
  vf_store_lanes(moment2, v, lanes);
  vf_store_lanes(gradient, (vf){0}, lanes);
  vf_store_lanes(weight, w - (s->step * m / (vf_sqrt(v / s->correction2) + s->epsilon) + s->shrink * w), lanes);
}

void op_adamw(const op_t *op) {
  const int64_t count = op->n[0];
  float *weight = op->p[0], *moment1 = op->p[1], *moment2 = op->p[2], *gradient = op->p[3];
  const float *scalars = op->p[5];
  const float rate = scalars[S_LEARNING_RATE];
  const adamw_t s = {.clip = scalars[S_CLIP_SCALE],
                     .beta1 = scalars[S_BETA1],
                     .beta2 = scalars[S_BETA2],
                     .one_minus_beta1 = scalars[S_ONE_MINUS_BETA1],
                     .one_minus_beta2 = scalars[S_ONE_MINUS_BETA2],
                     .correction2 = scalars[S_CORRECTION2],
                     .step = rate / scalars[S_CORRECTION1],
                     .epsilon = scalars[S_EPSILON],
                     .shrink = op->flags & 1 ? rate * scalars[S_WEIGHT_DECAY] : 0};
#pragma omp parallel for schedule(static) if (count >= PARALLEL_FROM)
  for (int64_t at = 0; at < count; at += RANGE) {
    const int64_t end = least(at + RANGE, count);
    for (int64_t i = at; i < end; i += VL)
      adamw_lanes(&s, weight + i, moment1 + i, moment2 + i, gradient + i, lanes_left(i, end));
  }
}
