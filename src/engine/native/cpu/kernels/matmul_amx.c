/*
 * Tiles of the matmul on the tile unit of Intel processors (AMX; Intel SDM volume 1, chapter 18): products of bf16 numbers summed in float32,
 * here to the accuracy of float32.
 *
 * A float32 number is the sum of three bf16 numbers, x = x0 + x1 + x2, each the rounding of what is left: 3 · 8 bits hold the 24 of x. Of the
 * nine products six count, x0y0 + x0y1 + x1y0 + x0y2 + x1y1 + x2y0; each term is at most 2⁻⁸ of the one before, so the other three together are
 * at most 2⁻²³ |xy|, and mostly far less (the scheme: Henry, Tang & Heinecke, "Leveraging the bfloat16 artificial intelligence datatype for
 * higher-precision computations", ARITH 2019). The unit sums 32 products in two chains before it rounds into the result, so even with six
 * products there are fewer roundings than in a plain float32 sum. The peak is 2.6 times that of AVX-512.
 *
 * What differs from float32: an infinity or a number above 3.396e38 becomes NaN, and terms below 1e-38 become 0.
 */
#include <stddef.h>
#include "matmul_tiles.h"
#include "transpose.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A register holds 16 rows of 64 bytes. Four are a 32 x 32 tile of out, two take 16 x 32 of a, two 32 x 16 of b. A step is 32 of K: in a
 * panel, the three terms of two registers one after the other. SLICE: that much of a panel of a, 24 KiB, stays in the first level (48 KiB).
 */
enum { SIDE = 32, STEP = 32, TERMS = 3, REGISTER = 1024, STEP_BYTES = TERMS * 2 * REGISTER, KC = 512, SLICE = 128, PANELS = 4, NC = 11 * SIDE };

/* GCC's intrinsics of the unit do not say what memory they read; this makes sure that it is there. */
#define WRITTEN(address) __asm__ volatile("" : : "r"(address) : "memory")

/* Terms of 16 numbers: bf16 in the upper halves of the lanes, zeros below. Of a number that is rounded, adding half a unit and cutting is enough. */
typedef struct {
  vi term[TERMS];
} split_t;

INLINE split_t split(vf x) {
  const vi half = (vi){0} + 0x8000, upper = (vi){0} + (int32_t)0xffff0000;
  vi first = ((vi)x + half) & upper;
  x -= (vf)first;
  vi second = ((vi)x + half) & upper;
  x -= (vf)second; /* what is left has 8 bits */
  return (split_t){{first, second, (vi)x & upper}};
}

/* 32 bf16: those of low, then those of high. */
INLINE vi joined(vi low, vi high) {
  const __m512i order = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25, 23, 21, 19, 17, 15, 13,
                                         11, 9, 7, 5, 3, 1);
  return (vi)_mm512_permutex2var_epi16((__m512i)low, order, (__m512i)high);
}
/* 16 pairs: one of even, one of odd. */
INLINE vi paired(vi even, vi odd) { return (vi)_mm512_srli_epi32((__m512i)even, 16) | odd; }

/* The first `lanes` of 16 floats, which may be none or more than 16. */
INLINE vf load_some(const float *from, int64_t lanes) {
  return lanes >= VL ? vf_load(from) : lanes > 0 ? vf_load_part(from, (int)lanes) : (vf){0};
}

/* 16 lines by 32 steps of K; rows of the source are lines, each 32 bf16 long in a row of the register. */
INLINE void split_across(vi rows[TERMS][16], const float *from, int64_t stride, int64_t lines, int64_t k) {
  for (int i = 0; i < 16; i++, from += stride) {
    split_t low = split(load_some(from, i < lines ? k : 0)), high = split(load_some(from + VL, i < lines ? k - VL : 0));
    for (int t = 0; t < TERMS; t++) rows[t][i] = joined(low.term[t], high.term[t]);
  }
}
/* The same from columns; each row of the register is a pair of steps, 16 lines long. */
INLINE void split_along(vi rows[TERMS][16], const float *from, int64_t stride, int64_t lines, int64_t k) {
  for (int i = 0; i < 16; i++, from += 2 * stride) {
    split_t even = split(load_some(from, 2 * i < k ? lines : 0)), odd = split(load_some(from + stride, 2 * i + 1 < k ? lines : 0));
    for (int t = 0; t < TERMS; t++) rows[t][i] = paired(even.term[t], odd.term[t]);
  }
}

/* Stores 16 rows, transposed where what lies along a row (a pair of steps, 4 bytes) shall lie along a column. */
INLINE void store(char *to, const vi rows[16], int transposed) {
  vf block[16];
  for (int i = 0; i < 16; i++) block[i] = (vf)rows[i];
  if (transposed) transpose(block);
  for (int i = 0; i < 16; i++) *(vf *)(to + 64 * i) = block[i];
}

/* A register's worth. lines and k are constants where all are there. */
INLINE void pack_register(char *to, const float *from, int64_t stride, int across, int64_t lines, int64_t k, int transposed) {
  vi rows[TERMS][16];
  if (across) split_across(rows, from, stride, lines, k);
  else split_along(rows, from, stride, lines, k);
  for (int t = 0; t < TERMS; t++) store(to + 2 * t * REGISTER, rows[t], transposed);
}

/* A step of a panel: two registers of each term. of_b: rows of a register are pairs of steps, otherwise lines. */
INLINE void pack_step(char *to, const float *from, int64_t stride, int across, int64_t lines, int64_t k, int of_b) {
#pragma GCC unroll 2
  for (int first = 0; first < SIDE; first += 16, to += REGISTER, from += 16 * (across ? stride : 1)) {
    if (lines - first >= 16 && k >= STEP) pack_register(to, from, stride, across, 16, STEP, across == of_b);
    else pack_register(to, from, stride, across, lines - first, k, across == of_b);
  }
}

/* Panels of SIDE lines, in the order in which the source lies in memory. */
INLINE void pack(char *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k, int of_b) {
  const int64_t steps = (k + STEP - 1) / STEP, count = (lines + SIDE - 1) / SIDE, inner = across ? steps : count;
  for (int64_t i = 0; i < steps * count; i++) {
    int64_t panel = across ? i / inner : i % inner, step = across ? i % inner : i / inner;
    const float *at = from + (across ? panel * SIDE * stride + step * STEP : step * STEP * stride + panel * SIDE);
    pack_step(panels + (panel * steps + step) * STEP_BYTES, at, stride, across, lines - panel * SIDE, k - step * STEP, of_b);
  }
}
static void pack_a(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k) {
  if (across) pack(panels, from, stride, 1, lines, k, 0);
  else pack(panels, from, stride, 0, lines, k, 0);
}
static void pack_b(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k) {
  if (across) pack(panels, from, stride, 1, lines, k, 1);
  else pack(panels, from, stride, 0, lines, k, 1);
}

/* Term x of a in registers 4 and 5, y of b in 6 and 7; four products. */
#define LOAD_A(x)                                  \
  _tile_loadd(4, a + (2 * (x)) * REGISTER, 64);    \
  _tile_loadd(5, a + (2 * (x) + 1) * REGISTER, 64)
#define LOAD_B(y)                                  \
  _tile_loadd(6, b + (2 * (y)) * REGISTER, 64);    \
  _tile_loadd(7, b + (2 * (y) + 1) * REGISTER, 64)
#define PRODUCTS           \
  _tile_dpbf16ps(0, 4, 6); \
  _tile_dpbf16ps(1, 4, 7); \
  _tile_dpbf16ps(2, 5, 6); \
  _tile_dpbf16ps(3, 5, 7)

static void full_tile(float *out, const float *plus, int64_t stride, const char *a, const char *b, int64_t k) {
  const int64_t bytes = stride * 4;
  WRITTEN(plus);
  if (plus) {
    _tile_loadd(0, plus, bytes);
    _tile_loadd(1, plus + 16, bytes);
    _tile_loadd(2, plus + 16 * stride, bytes);
    _tile_loadd(3, plus + 16 * stride + 16, bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (; k > 0; k -= STEP, a += STEP_BYTES, b += STEP_BYTES) { /* an order in which each product shares a term with the one before */
    LOAD_A(0);
    LOAD_B(2);
    PRODUCTS;
    LOAD_B(1);
    PRODUCTS;
    LOAD_A(1);
    PRODUCTS;
    LOAD_B(0);
    PRODUCTS;
    LOAD_A(2);
    PRODUCTS;
    LOAD_A(0);
    PRODUCTS;
  }
  _tile_stored(0, out, bytes);
  _tile_stored(1, out + 16, bytes);
  _tile_stored(2, out + 16 * stride, bytes);
  _tile_stored(3, out + 16 * stride + 16, bytes);
}

static void multiply(float *out, const float *plus, int64_t stride, const void *a, const void *b, int64_t k, int high, int wide) {
  if (high == SIDE && wide == SIDE) {
    full_tile(out, plus, stride, a, b, k);
    return;
  }
  float tile[SIDE * SIDE];
  full_tile(tile, NULL, SIDE, a, b, k);
  for (int i = 0; i < high; i++)
    for (int j = 0; j < wide; j++) out[i * stride + j] = plus ? plus[i * stride + j] + tile[i * SIDE + j] : tile[i * SIDE + j];
}

static void enter(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape = {.palette = 1};
  for (int i = 0; i < 8; i++) shape.row_bytes[i] = 64, shape.rows[i] = 16;
  WRITTEN(&shape);
  _tile_loadconfig(&shape);
}
static void leave(void) { _tile_release(); }

static const tiles_t tiles = {
    .rows = SIDE,
    .columns = SIDE,
    .depth = KC,
    .slice = SLICE,
    .multiple = STEP,
    .a_step = STEP_BYTES / STEP,
    .b_step = STEP_BYTES / STEP,
    .a_panels = PANELS,
    .b_block = (int64_t)NC * KC * STEP_BYTES / STEP / SIDE,
    .pack_a = pack_a,
    .pack_b = pack_b,
    .multiply = multiply,
    .enter = enter,
    .leave = leave,
};

/* Linux lets a process use the unit when it asks, since its registers enlarge every thread's signal frames. */
const tiles_t *unit_tiles(void) {
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  static int granted; /* 0: not asked yet */
  if (granted == 0) granted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 ? 1 : 2;
  return granted == 1 ? &tiles : NULL;
}
#else
const tiles_t *unit_tiles(void) { return NULL; }
#endif
