/*
 * Float vectors of the machine's own width, written with the vector extensions that GCC and Clang share: +, -, *, /, comparisons (lanes of
 * 0 or -1) and v[i] work as they stand, and `a * b + c` becomes one fused instruction where the machine has it (-ffp-contract=fast).
 *
 * vf and vi are VL floats and 32-bit integers, aligned to their size in memory of their own; the loads and stores here take any float's address.
 */
#pragma once
#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h> /* only for masked loads and stores, which the extensions cannot say */
#define VL 16
#elif defined(__AVX__)
#define VL 8
#else
#define VL 4 /* SSE, NEON, or what the compiler makes of it */
#endif

/* Bytes between addresses that never share a cache line; buffers that threads write side by side are padded to it. */
#define CACHE_LINE 64

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
/* The same lanes at the address of any float: aligned as a float, and allowed to alias one. */
typedef float vf_anywhere __attribute__((vector_size(VL * 4), aligned(4), may_alias));

/* Lanes of a (0 to VL-1) and b (VL to 2 VL-1) picked by constants. */
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif

#define INLINE static inline __attribute__((always_inline, unused))

INLINE vf vf_load(const float *from) { return *(const vf_anywhere *)from; }
INLINE void vf_store(float *to, vf v) { *(vf_anywhere *)to = v; }
INLINE vf vf_set(float x) { return x - (vf){0}; /* x - 0 keeps -0, x + 0 would not */ }

/* The first `lanes` (0 to VL) floats; the other lanes are 0. Nothing behind them is read or written. */
INLINE vf vf_load_part(const float *from, int lanes) {
#if VL == 16
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << lanes) - 1), from);
#else
  float memory[VL] = {0};
  for (int i = 0; i < lanes; i++) memory[i] = from[i];
  return vf_load(memory);
#endif
}
INLINE void vf_store_part(float *to, vf v, int lanes) {
#if VL == 16
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << lanes) - 1), (__m512)v);
#else
  for (int i = 0; i < VL; i++)
    if (i < lanes) to[i] = v[i];
#endif
}

/* Lane by lane: a where the mask (of a comparison) is true, else b. */
INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
/* The greater; b where either is not a number. */
INLINE vf vf_max(vf a, vf b) { return vf_select(a > b, a, b); }

/* Over the lanes, by halves: lane i and lane i + VL/2, and so on to one; the same order always. */
INLINE float vf_sum(vf v) {
#if VL == 16
  v += SHUFFLE(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  v += SHUFFLE(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
#elif VL == 8
  v += SHUFFLE(v, v, 4, 5, 6, 7, 4, 5, 6, 7);
#endif
  return (v[0] + v[2]) + (v[1] + v[3]);
}
INLINE float vf_greatest(vf v) {
#if VL == 16
  v = vf_max(v, SHUFFLE(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15));
  v = vf_max(v, SHUFFLE(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
#elif VL == 8
  v = vf_max(v, SHUFFLE(v, v, 4, 5, 6, 7, 4, 5, 6, 7));
#endif
  float even = v[0] > v[2] ? v[0] : v[2], odd = v[1] > v[3] ? v[1] : v[3];
  return even > odd ? even : odd;
}
