/*
 * The inner tile of the matmul: MR x NR results held in registers while K passes by, from packed panels of a and b.
 *
 * Scheme: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication" (ACM TOMS 34, 2008), in the loops of BLIS (Van Zee &
 * van de Geijn, ACM TOMS 41, 2015), with the inner two exchanged: a panel of a (MR x KC) stays in the first-level cache while the panels of
 * b's block (KC x NC, second level) stream past it. So out is written along its rows, and only a few panels of a need packing at a time.
 */
#pragma once
#include "vector.h"

/*
 * The tile fills the register file: MR * NV sums, NV vectors of b and one number of a in all lanes. A step of K costs MR * NV fused
 * multiply-adds and MR + NV loads, so two loads a cycle keep up with two multiply-adds while 1/MR + 1/NV <= 1. Vectors of b arrive from the
 * second level at 4 NR bytes in MR * NV / 2 cycles: 9 bytes a cycle with AVX-512, 11 with AVX2, well below what one gives (32 and more).
 *
 * KC: a panel of a, 4 KC MS bytes, takes up to half of the first level (24 KiB of 48, 8 of 32, 8 of 64). NC: b's block, 4 KC NC bytes, takes up to
 * half of the second level; it may be wider where K is less. MC: enough panels of a that a transposed a is read in pieces of some cache lines.
 */
#if VL == 16
enum { MR = 14, NV = 2, KC = 384, MC = 6 * MR, NC = 22 * NV * VL }; /* 28 + 2 + 1 of 32 registers; b's block 1056 KiB */
#elif defined(__aarch64__)
enum { MR = 8, NV = 3, KC = 256, MC = 8 * MR, NC = 21 * NV * VL }; /* 24 + 3 + 1 of 32; 252 KiB */
#else
enum { MR = 6, NV = 2, KC = 256, MC = 12 * MR, NC = 16 * NV * VL }; /* 12 + 2 + 1 of 16; 256 KiB with AVX, 128 with SSE */
#endif
/* A step of a's panel is padded to whole vectors (MS floats), so that packing stores them whole and aligned; b's panel is NR wide anyway. */
enum { NR = NV * VL, MS = (MR + VL - 1) / VL * VL };

/* out[MR, NR] (rows `stride` apart) = or += (add) Σₖ a[k, MS]·b[k, NR]; b is aligned to its vectors. */
static void full_tile(float *out, int64_t stride, const float *a, const float *b, int64_t k, int add) {
  vf sum[MR][NV] = {0};
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++) __builtin_prefetch(out + i * stride, 1);
#pragma GCC unroll 2
  for (; k > 0; k--, a += MS, b += NR) {
    vf right[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) right[v] = *(const vf *)(b + v * VL);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++) {
      vf left = vf_set(a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) sum[i][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < MR; i++) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) {
      float *to = out + i * stride + v * VL;
      vf_store(to, add ? vf_load(to) + sum[i][v] : sum[i][v]);
    }
  }
}

/* The same where only `rows` x `columns` of the tile are inside out: the panels are padded with zeros, the result goes by a detour. */
static void edge_tile(float *out, int64_t stride, const float *a, const float *b, int64_t k, int add, int rows, int columns) {
  float tile[MR * NR];
  full_tile(tile, NR, a, b, k, 0);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) out[i * stride + j] = add ? out[i * stride + j] + tile[i * NR + j] : tile[i * NR + j];
}
