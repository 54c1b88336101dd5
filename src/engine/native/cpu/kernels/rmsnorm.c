/* RMSNorm with the residual sum before it, and its gradient. Rows are tokens, or heads (narrow, and many). */
#include <math.h>
#include <string.h>
#include "abi.h"
#include "lanes.h"
#include "scratch.h"

void op_rmsnorm(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
  const float *weight = op->p[4];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++) {
    float *out = (float *)op->p[0] + row * width, *x = (float *)op->p[2] + row * width;
    const float *delta = op->p[3] ? (const float *)op->p[3] + row * width : NULL;
    vf squares = {0};
    for (int64_t c = 0; c < width; c += VL) {
      const int lanes = lanes_left(c, width);
      vf v = vf_load_lanes(x + c, lanes);
      if (delta) vf_store_lanes(x + c, v += vf_load_lanes(delta + c, lanes), lanes);
      squares += v * v;
    }
    const float rstd = 1.0f / sqrtf(vf_sum(squares) / (float)width + (float)op->x[0]);
    ((float *)op->p[1])[row] = rstd;
    for (int64_t c = 0; c < width; c += VL) {
      const int lanes = lanes_left(c, width);
      vf_store_lanes(out + c, vf_load_lanes(x + c, lanes) * rstd * vf_load_lanes(weight + c, lanes), lanes);
    }
  }
}

typedef struct {
  const float *d_out, *x, *weight;
  float rstd;
} row_t;

/* d_x adds, or is, rstd·(w·dOut − x·rstd²·mean(w·dOut·x)); d_weight adds dOut·x·rstd. */
INLINE void backward_row(float *d_x, float *d_weight, row_t r, int64_t width, const int overwrite) {
  vf product = {0};
  for (int64_t c = 0; c < width; c += VL) {
    const int lanes = lanes_left(c, width);
    const vf d = vf_load_lanes(r.d_out + c, lanes), x = vf_load_lanes(r.x + c, lanes);
    product += d * vf_load_lanes(r.weight + c, lanes) * x;
    vf_store_lanes(d_weight + c, vf_load_lanes(d_weight + c, lanes) + d * (x * r.rstd), lanes);
  }
  const float along = r.rstd * r.rstd * (vf_sum(product) / (float)width);
  for (int64_t c = 0; c < width; c += VL) {
    const int lanes = lanes_left(c, width);
    const vf before = overwrite ? (vf){0} : vf_load_lanes(d_x + c, lanes);
    const vf across = vf_load_lanes(r.d_out + c, lanes) * vf_load_lanes(r.weight + c, lanes) - vf_load_lanes(r.x + c, lanes) * along;
    vf_store_lanes(d_x + c, before + across * r.rstd, lanes);
  }
}

/* The rows are cut into ROW_PARTS parts with a sum of dWeight each; the sums are added in order. */
void op_rmsnorm_backward(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
  const float *d_out = op->p[2], *x = op->p[3], *rstd = op->p[4], *weight = op->p[5];
  float *d_x = op->p[0], *d_weight = op->p[1], *sums = shared_scratch(ROW_PARTS * width);
  if (!sums) return;
#pragma omp parallel if (rows * width >= PARALLEL_FROM)
  {
#pragma omp for schedule(static)
    for (int64_t part = 0; part < ROW_PARTS; part++) {
      float *sum = sums + part * width;
      memset(sum, 0, width * sizeof(float));
      for (int64_t row = rows * part / ROW_PARTS; row < rows * (part + 1) / ROW_PARTS; row++) {
        const row_t r = {d_out + row * width, x + row * width, weight, rstd[row]};
        if (op->flags & 1) backward_row(d_x + row * width, sum, r, width, 1);
        else backward_row(d_x + row * width, sum, r, width, 0);
      }
    }
#pragma omp for schedule(static)
    for (int64_t c = 0; c < width; c += VL) {
      const int lanes = lanes_left(c, width);
      vf sum = {0};
      for (int64_t part = 0; part < ROW_PARTS; part++) sum += vf_load_lanes(sums + part * width + c, lanes);
      vf_store_lanes(d_weight + c, vf_load_lanes(d_weight + c, lanes) + sum, lanes);
    }
  }
}
