/*
 * Products of tiles that lie in the first caches, for attention: every vector of the result stays in a register over the whole depth, and
 * each of its values is one chain of fused multiply-adds in the order of the depth, whatever the tile's size. So equal dot products have
 * equal bits wherever they are computed (attention's backward relies on it).
 */
#pragma once
#include "vector.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define WIDEST 4 /* vectors of a result row that are kept in registers: 32 registers */
#else
#define WIDEST 2 /* 16 registers */
#endif

/* One operand that is read value by value: element (row, k) stands at values[row · by_row + k · by_depth]. */
typedef struct {
  const float *values;
  int64_t by_row, by_depth;
} scalars_t;

/* c[rows, vectors·VL] = (or, with `add`, adds) a[rows, depth] · b[depth, vectors·VL], with `rows` and `vectors` known to the compiler. */
INLINE void tile_product(const int rows, const int vectors, float *c, int64_t c_stride, scalars_t a, const float *b,
                         int64_t b_stride, int64_t depth, const int add) {
  vf sum[8][WIDEST];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sum[i][v] = (vf){0};
  for (int64_t k = 0; k < depth; k++) {
    vf line[WIDEST];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) line[v] = vf_load(b + k * b_stride + v * VL);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const vf x = vf_set(a.values[i * a.by_row + k * a.by_depth]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) sum[i][v] += x * line[v];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
      float *to = c + i * c_stride + v * VL;
      vf_store(to, add ? vf_load(to) + sum[i][v] : sum[i][v]);
    }
}

/* All rows of a column strip: in blocks of `most` rows, then of four, then one by one. */
INLINE void strip_product(const int most, const int vectors, float *c, int64_t c_stride, scalars_t a, const float *b, int64_t b_stride,
                          int64_t rows, int64_t depth, const int add) {
  int64_t i = 0;
  for (; i + most <= rows; i += most, a.values += most * a.by_row)
    tile_product(most, vectors, c + i * c_stride, c_stride, a, b, b_stride, depth, add);
  for (; most > 4 && i + 4 <= rows; i += 4, a.values += 4 * a.by_row)
    tile_product(4, vectors, c + i * c_stride, c_stride, a, b, b_stride, depth, add);
  for (; i < rows; i++, a.values += a.by_row) tile_product(1, vectors, c + i * c_stride, c_stride, a, b, b_stride, depth, add);
}

/* c[rows, vectors·VL] = (or adds) a[rows, depth] · b[depth, vectors·VL]. */
INLINE void small_product(float *c, int64_t c_stride, scalars_t a, const float *b, int64_t b_stride, int64_t rows, int64_t vectors,
                          int64_t depth, const int add) {
  int64_t v = 0;
  for (; v + WIDEST <= vectors; v += WIDEST)
    strip_product(WIDEST == 4 ? 6 : 4, WIDEST, c + v * VL, c_stride, a, b + v * VL, b_stride, rows, depth, add);
  c += v * VL, b += v * VL;
#if WIDEST == 4
  if (vectors - v == 3) strip_product(8, 3, c, c_stride, a, b, b_stride, rows, depth, add);
  if (vectors - v == 2) strip_product(8, 2, c, c_stride, a, b, b_stride, rows, depth, add);
#endif
  if (vectors - v == 1) strip_product(8, 1, c, c_stride, a, b, b_stride, rows, depth, add);
}

/* The low, or the high, halves of two vectors, lane by lane in turn. */
#if VL == 16
#define LOW_IN_TURN(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_IN_TURN(a, b) SHUFFLE(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VL == 8
#define LOW_IN_TURN(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_IN_TURN(a, b) SHUFFLE(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOW_IN_TURN(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define HIGH_IN_TURN(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#endif

/* Transposes VL vectors of VL lanes: laying halves in turn log2(VL) times exchanges the two indices. */
INLINE void transpose_lanes(vf m[VL]) {
#pragma GCC unroll 4
  for (int length = 1; length < VL; length *= 2) {
    vf next[VL];
#pragma GCC unroll 8
    for (int i = 0; i < VL / 2; i++) {
      next[2 * i] = LOW_IN_TURN(m[i], m[i + VL / 2]);
      next[2 * i + 1] = HIGH_IN_TURN(m[i], m[i + VL / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) m[i] = next[i];
  }
}
