/*
 * Tiles of the matmul in the machine's float vectors, and their packing: a strip of `lines` rows of op(a), or columns of op(b), becomes panels
 * of W lines that lie step by step of K: panel[k][S], S = W rounded up to whole vectors. W is a constant (MR or NR) at every call, so that
 * loops unroll.
 */
#include <stddef.h>
#include "matmul_tiles.h"
#include "transpose.h"

/*
 * The tile fills the register file: MR * NV sums, NV vectors of b and one number of a in all lanes. A step of K costs MR * NV fused
 * multiply-adds and MR + NV loads, so two loads a cycle keep up with two multiply-adds while 1/MR + 1/NV <= 1. Vectors of b arrive from the
 * second level at 4 NR bytes in MR * NV / 2 cycles: 9 bytes a cycle with AVX-512, 11 with AVX2, well below what one gives (32 and more).
 *
 * KC: a panel of a, 4 KC MS bytes, takes up to half of the first level (24 KiB of 48, 8 of 32, 8 of 64). NC: b's block, 4 KC NC bytes, takes up to
 * half of the second level; it may be wider where K is less. PANELS of a: enough that a transposed a is read in pieces of some
 * cache lines.
 */
#if VL == 16
enum { MR = 14, NV = 2, KC = 384, PANELS = 6, NC = 22 * NV * VL }; /* 28 + 2 + 1 of 32 registers; b's block 1056 KiB */
#elif defined(__aarch64__)
enum { MR = 8, NV = 3, KC = 256, PANELS = 8, NC = 21 * NV * VL }; /* 24 + 3 + 1 of 32; 252 KiB */
#else
enum { MR = 6, NV = 2, KC = 256, PANELS = 12, NC = 16 * NV * VL }; /* 12 + 2 + 1 of 16; 256 KiB with AVX, 128 with SSE */
#endif
/* A step of a's panel is padded to whole vectors (MS floats), so that packing stores them whole and aligned; b's panel is NR wide anyway. */
enum { NR = NV * VL, MS = (MR + VL - 1) / VL * VL };

/* out[MR, NR] (rows `stride` apart) = plus + Σₖ a[k, MS]·b[k, NR]; b is aligned to its vectors. */
static void full_tile(float *out, const float *plus, int64_t stride, const float *a, const float *b, int64_t k) {
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
      vf_store(to, plus ? vf_load(plus + i * stride + v * VL) + sum[i][v] : sum[i][v]);
    }
  }
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

static void pack_a(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k) {
  pack(panels, from, stride, across, lines, k, MR);
}
static void pack_b(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k) {
  pack(panels, from, stride, across, lines, k, NR);
}

/* Where only a part of the tile is inside out, the result goes by a detour. */
static void multiply(float *out, const float *plus, int64_t stride, const void *a, const void *b, int64_t k, int high, int wide) {
  if (high == MR && wide == NR) {
    full_tile(out, plus, stride, a, b, k);
    return;
  }
  float tile[MR * NR];
  full_tile(tile, NULL, NR, a, b, k);
  for (int i = 0; i < high; i++)
    for (int j = 0; j < wide; j++) out[i * stride + j] = plus ? plus[i * stride + j] + tile[i * NR + j] : tile[i * NR + j];
}

const tiles_t vector_tiles = {
    .rows = MR,
    .columns = NR,
    .depth = KC,
    .slice = KC,
    .multiple = 1,
    .a_step = MS * sizeof(float),
    .b_step = NR * sizeof(float),
    .a_panels = PANELS,
    .b_block = (int64_t)NC * KC * sizeof(float),
    .pack_a = pack_a,
    .pack_b = pack_b,
    .multiply = multiply,
};
