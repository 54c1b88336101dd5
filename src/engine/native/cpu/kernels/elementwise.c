/* Operations that touch every value once: memory is their floor. Rows or ranges are dealt out evenly and written by one thread each. */
#include <string.h>
#include "abi.h"
#include "exp.h"
#include "lanes.h"
#include "scratch.h"

/* Elements that one thread takes at a time. */
#define RANGE 4096

void op_zero(const op_t *op) {
  const int64_t count = op->n[0];
#pragma omp parallel for schedule(static) if (count >= PARALLEL_FROM)
  for (int64_t at = 0; at < count; at += RANGE) memset((float *)op->p[0] + at, 0, least(RANGE, count - at) * sizeof(float));
}

void op_copy(const op_t *op) {
  const int64_t count = op->n[0];
#pragma omp parallel for schedule(static) if (count >= PARALLEL_FROM)
  for (int64_t at = 0; at < count; at += RANGE)
    memcpy((float *)op->p[0] + at, (const float *)op->p[1] + at, least(RANGE, count - at) * sizeof(float));
}

INLINE void add_range(float *to, const float *from, int64_t count) {
  int64_t i = 0;
  for (; i + VL <= count; i += VL) vf_store(to + i, vf_load(to + i) + vf_load(from + i));
  for (; i < count; i++) to[i] += from[i];
}

void op_add(const op_t *op) {
  const int64_t count = op->n[0];
#pragma omp parallel for schedule(static) if (count >= PARALLEL_FROM)
  for (int64_t at = 0; at < count; at += RANGE) add_range((float *)op->p[0] + at, (const float *)op->p[1] + at, least(RANGE, count - at));
}

void op_slice_columns(const op_t *op) {
  const int64_t rows = op->n[0], out_width = op->n[1], x_width = op->n[2], from = op->n[3];
#pragma omp parallel for schedule(static) if (rows * out_width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++)
    memcpy((float *)op->p[0] + row * out_width, (const float *)op->p[1] + row * x_width + from, out_width * sizeof(float));
}

void op_place_columns(const op_t *op) {
  const int64_t rows = op->n[0], out_width = op->n[1], x_width = op->n[2], from = op->n[3];
#pragma omp parallel for schedule(static) if (rows * x_width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++)
    memcpy((float *)op->p[0] + row * out_width + from, (const float *)op->p[1] + row * x_width, x_width * sizeof(float));
}

void op_place_rows(const op_t *op) {
  const int64_t rows = op->n[0], out_width = op->n[1], x_width = op->n[2], from = op->n[3];
  const int32_t *places = op->p[2];
#pragma omp parallel for schedule(static) if (rows * out_width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++)
    memcpy((float *)op->p[0] + places[row] * out_width, (const float *)op->p[1] + row * x_width + from, out_width * sizeof(float));
}

void op_add_bias(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++) add_range((float *)op->p[0] + row * width, op->p[1], width);
}

/* The rows are cut into ROW_PARTS parts; each part's sum goes to a row of scratch, and those are added in order. */
void op_add_bias_backward(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
  const float *d_out = op->p[1];
  float *sums = shared_scratch(ROW_PARTS * width);
  if (!sums) return;
#pragma omp parallel if (rows * width >= PARALLEL_FROM)
  {
#pragma omp for schedule(static)
    for (int64_t part = 0; part < ROW_PARTS; part++) {
      memset(sums + part * width, 0, width * sizeof(float));
      for (int64_t row = rows * part / ROW_PARTS; row < rows * (part + 1) / ROW_PARTS; row++)
        add_range(sums + part * width, d_out + row * width, width);
    }
#pragma omp for schedule(static)
    for (int64_t c = 0; c < width; c += VL) {
      const int lanes = lanes_left(c, width);
      vf sum = {0};
      for (int64_t part = 0; part < ROW_PARTS; part++) sum += vf_load_lanes(sums + part * width + c, lanes);
      vf_store_lanes((float *)op->p[0] + c, vf_load_lanes((float *)op->p[0] + c, lanes) + sum, lanes);
    }
  }
}

void op_embed(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
  const int32_t *ids = op->p[2];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++)
    memcpy((float *)op->p[0] + row * width, (const float *)op->p[1] + ids[row] * width, width * sizeof(float));
}

/* Threads share out the columns, so each adds its columns of all tokens in order, even where all tokens are the same. */
void op_embed_backward(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1], strip = CACHE_LINE / sizeof(float);
  const int32_t *ids = op->p[2];
  const int64_t strips = (width + strip - 1) / strip;
#pragma omp parallel if (rows * width >= PARALLEL_FROM)
  {
    int64_t begin = width, end = 0;
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < strips; i++) {
      if (i * strip < begin) begin = i * strip;
      end = least((i + 1) * strip, width);
    }
    if (begin < end)
      for (int64_t row = 0; row < rows; row++)
        add_range((float *)op->p[0] + ids[row] * width + begin, (const float *)op->p[1] + row * width + begin, end - begin);
  }
}

/* One head: (x₁cos − x₂sin, x₂cos + x₁sin), with `turn` 1, or −1 for the inverse. */
INLINE void rotate(float *head, const float *cosines, int64_t half, float turn) {
  for (int64_t d = 0; d < half; d += VL) {
    const int lanes = lanes_left(d, half);
    const vf x1 = vf_load_lanes(head + d, lanes), x2 = vf_load_lanes(head + half + d, lanes);
    const vf c = vf_load_lanes(cosines + d, lanes), s = vf_load_lanes(cosines + half + d, lanes) * turn;
    vf_store_lanes(head + d, x1 * c - x2 * s, lanes);
    vf_store_lanes(head + half + d, x2 * c + x1 * s, lanes);
  }
}

void op_rope(const op_t *op) {
  const int64_t rows = op->n[0], rotated = op->n[1] + op->n[2], width = (rotated + op->n[2]) * op->n[3], D = op->n[3];
  const int32_t *positions = op->p[2];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++)
    for (int64_t head = 0; head < rotated; head++)
      rotate((float *)op->p[0] + row * width + head * D, (const float *)op->p[1] + positions[row] * D, D / 2, op->flags & 1 ? -1.0f : 1.0f);
}

void op_swiglu(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++) {
    const float *gate = (const float *)op->p[1] + row * 2 * width, *up = gate + width;
    float *out = (float *)op->p[0] + row * width;
    for (int64_t i = 0; i < width; i += VL) {
      const int lanes = lanes_left(i, width);
      const vf g = vf_load_lanes(gate + i, lanes);
      vf_store_lanes(out + i, g * vf_sigmoid(g) * vf_load_lanes(up + i, lanes), lanes);
    }
  }
}

/* With s = sigmoid g: d silu(g)/dg = s·(1 + g·(1 − s)). Each value is read before its gradient takes its place. */
void op_swiglu_backward(const op_t *op) {
  const int64_t rows = op->n[0], width = op->n[1];
#pragma omp parallel for schedule(static) if (rows * width >= PARALLEL_FROM)
  for (int64_t row = 0; row < rows; row++) {
    const float *gate = (const float *)op->p[2] + row * 2 * width, *up = gate + width, *d_out = (const float *)op->p[1] + row * width;
    float *d_gate = (float *)op->p[0] + row * 2 * width, *d_up = d_gate + width;
    for (int64_t i = 0; i < width; i += VL) {
      const int lanes = lanes_left(i, width);
      const vf g = vf_load_lanes(gate + i, lanes), u = vf_load_lanes(up + i, lanes), d = vf_load_lanes(d_out + i, lanes);
      const vf s = vf_sigmoid(g);
      vf_store_lanes(d_gate + i, d * u * s * (1.0f + g * (1.0f - s)), lanes);
      vf_store_lanes(d_up + i, d * g * s, lanes);
    }
  }
}
