/*
 * exp and sigmoid of float vectors.
 *
 * exp x = 2^n · exp r with n = round(x / ln 2): ln 2 is taken off in two parts (the first exact in n · part), exp r by a polynomial over
 * |r| ≤ ln 2 / 2, and n is added to the exponent bits. Coefficients: minimax on relative error, from S. Moshier's Cephes, expf.c.
 */
#pragma once
#include "vector.h"

/* Results below the smallest normal float are 0; beyond EXP_MOST they stay what they are there, instead of infinite. NaN stays NaN. */
#define EXP_LEAST -87.33654f
#define EXP_MOST 88.37f

/* Unsigned, because exponents of values that are thrown away overflow. */
typedef uint32_t vu __attribute__((vector_size(VL * 4)));

/* exp of x ≤ EXP_MOST, the bound not being checked. Within 1.01 units in the last place. */
INLINE vf vf_exp_bounded(vf x) {
  const float shift = 12582912.0f; /* 1.5 · 2^23: adding it rounds to whole numbers and leaves them in the low bits */
  const vf shifted = x * 1.44269504088896341f + shift;
  const vf n = shifted - shift;
  const vf r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  vf p = vf_set(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const vu bits = (vu)p + ((vu)shifted << 23);
  return (vf)((vi)bits & ~(x < EXP_LEAST));
}

INLINE vf vf_exp(vf x) { return vf_exp_bounded(vf_select(x > EXP_MOST, vf_set(EXP_MOST), x)); }

/* 1 / (1 + exp −x), within 2.5 units in the last place (as exact an exp would be) down to −EXP_MOST, where it stays at 4e-39. */
INLINE vf vf_sigmoid(vf x) { return 1.0f / (1.0f + vf_exp(-x)); }
