/* Transposing a square of vectors in registers. */
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
