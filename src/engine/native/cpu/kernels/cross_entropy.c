/*
 * Cross-entropy and its gradient, row by row: the greatest logit; exp(logit − greatest) in the logit's own place, and their sum; then the
 * gradient in place. A row stays in the caches between the passes, so memory sees one read and one write.
 */
#include <math.h>
#include <string.h>
#include "abi.h"
#include "exp.h"
#include "lanes.h"

/* Values whose powers are summed in float32; the sums are added up in float64. */
#define STRETCH 1024

static float greatest_of(const float *row, int64_t count) {
  vf greatest = vf_set(row[0]);
  int64_t i = 0;
  for (; i + VL <= count; i += VL) greatest = vf_max(vf_load(row + i), greatest);
  float most = vf_greatest(greatest);
  for (; i < count; i++) most = row[i] > most ? row[i] : most;
  return most;
}

/* Σ exp(x − greatest); with `keep`, the powers replace the row. */
INLINE double powers_of(float *row, int64_t count, float greatest, const int keep) {
  double total = 0;
  for (int64_t at = 0; at < count; at += STRETCH) {
    const int64_t end = least(at + STRETCH, count);
    vf sum = {0};
    int64_t i = at;
    for (; i + VL <= end; i += VL) {
      const vf power = vf_exp_bounded(vf_load(row + i) - greatest);
      if (keep) vf_store(row + i, power);
      sum += power;
    }
    if (i < end) {
      const int lanes = lanes_left(i, end);
      const vf power = vf_exp_bounded(vf_load_lanes(row + i, lanes) - greatest);
      if (keep) vf_store_lanes(row + i, power, lanes);
      for (int lane = 0; lane < lanes; lane++) total += power[lane];
    }
    total += vf_sum(sum);
  }
  return total;
}

static void scale_row(float *row, int64_t count, float factor) {
  for (int64_t i = 0; i < count; i += VL) {
    const int lanes = lanes_left(i, count);
    vf_store_lanes(row + i, vf_load_lanes(row + i, lanes) * factor, lanes);
  }
}

void op_cross_entropy(const op_t *op) {
  const int64_t rows = op->n[0], stride = op->n[1], vocabulary = op->n[2];
  const int gradient = op->flags & 1;
  const int32_t *targets = op->p[2];
  const float *mask = op->p[3], loss_scale = ((const float *)op->p[4])[S_LOSS_SCALE];
#pragma omp parallel for schedule(static)
  for (int64_t n = 0; n < rows; n++) {
    float *row = (float *)op->p[1] + n * stride, *loss = (float *)op->p[0] + n;
    if (mask[n] == 0) { /* also where the logits are not numbers */
      *loss = 0;
      if (gradient) memset(row, 0, stride * sizeof(float));
      continue;
    }
    const float greatest = greatest_of(row, vocabulary), hit = row[targets[n]];
    const double total = gradient ? powers_of(row, vocabulary, greatest, 1) : powers_of(row, vocabulary, greatest, 0);
    *loss = mask[n] * (float)(log(total) + ((double)greatest - hit));
    if (!gradient) continue;
    const float scale = loss_scale * mask[n], power = row[targets[n]];
    scale_row(row, vocabulary, (float)(scale / total));
    row[targets[n]] = (float)(scale * ((power - total) / total));
    memset(row + vocabulary, 0, (stride - vocabulary) * sizeof(float));
  }
}
