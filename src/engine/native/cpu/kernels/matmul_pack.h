/*
 * Packing for the matmul: a strip of `lines` rows of op(a), or columns of op(b), becomes panels of W lines that lie step by step of K:
 * panel[k][S], S = W rounded up to whole vectors. The last panel is filled up with zeros. W is a constant (MR or NR) at every call, so that
 * loops unroll.
 */
#pragma once
#include "vector.h"

/* v[VL] as a VL x VL matrix, transposed: log2(VL) perfect shuffles of the rows i and i + VL/2. */
INLINE void transpose(vf v[VL]) {
#if VL == 16
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VL == 8
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#endif
#pragma GCC unroll 4
  for (int round = 1; round < VL; round *= 2) {
    vf mixed[VL];
#pragma GCC unroll 8
    for (int i = 0; i < VL / 2; i++) {
      mixed[2 * i] = SHUFFLE(v[i], v[i + VL / 2], LOW);
      mixed[2 * i + 1] = SHUFFLE(v[i], v[i + VL / 2], HIGH);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) v[i] = mixed[i];
  }
#undef LOW
#undef HIGH
}

/* Lines that are rows of the source (from[line * stride + k]): VL x VL blocks are transposed in registers. */
INLINE void pack_across(float *panel, const float *from, int64_t stride, int64_t lines, int64_t k, int W) {
  const int S = (W + VL - 1) / VL * VL;
  for (; lines > 0; lines -= W, from += W * stride, panel += S * k) {
    for (int64_t step = 0; step < k; step += VL) {
      int depth = k - step < VL ? (int)(k - step) : VL;
      for (int first = 0; first < W; first += VL) {
        vf block[VL];
#pragma GCC unroll 16
        for (int i = 0; i < VL; i++) {
          const float *at = from + (first + i) * stride + step;
          int inside = first + i < W && first + i < lines;
          block[i] = !inside ? (vf){0} : depth == VL ? vf_load(at) : vf_load_part(at, depth);
        }
        transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < VL; i++)
          if (i < depth) *(vf *)(panel + (step + i) * S + first) = block[i];
      }
    }
  }
}

/* Lines that are columns of the source (from[k * stride + line]): rows are read through and dealt out to the panels. */
INLINE void pack_along(float *panel, const float *from, int64_t stride, int64_t lines, int64_t k, int W) {
  const int S = (W + VL - 1) / VL * VL;
  for (int64_t step = 0; step < k; step++, from += stride, panel += S) {
    float *to = panel;
    int64_t line = 0;
    for (; line + W <= lines; line += W, to += S * k)
      __builtin_memcpy(to, from + line, W * sizeof(float));
    if (line < lines)
      for (int i = 0; i < W; i++) to[i] = line + i < lines ? from[line + i] : 0;
  }
}

INLINE void pack(float *panel, const float *from, int64_t stride, int across, int64_t lines, int64_t k, int W) {
  if (across) pack_across(panel, from, stride, lines, k, W);
  else pack_along(panel, from, stride, lines, k, W);
}
