/*
 * The inner part of the blocked matmul: a product of a few rows by a few columns (a tile of out) whose results stay in registers while K
 * passes by, fed from packed panels of a and b. There are two kinds; `matmul.c` takes the better one that runs here.
 *
 * Scheme: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication" (ACM TOMS 34, 2008), in the loops of BLIS (Van Zee &
 * van de Geijn, ACM TOMS 41, 2015), with the inner two exchanged: a panel of a stays in the first-level cache while the panels of b's block
 * (second level) stream past it. So out is written along its rows, and only a few panels of a need packing at a time.
 */
#pragma once
#include "vector.h"

typedef struct {
  /* Of a tile; a panel of a has so many lines (rows of op(a)), a panel of b so many columns of op(b). */
  int rows, columns;
  /* Steps of K in a panel: at most `depth`, made up with zeros to a multiple of `multiple`; multiplied `slice` at a time. */
  int64_t depth, slice, multiple;
  /* Bytes of one step of K. */
  int64_t a_step, b_step;
  /* Panels of a that are packed at a time, and bytes of b's block. */
  int64_t a_panels, b_block;
  /*
   * Makes panels of `lines` lines, the last one filled up with zeros. across: lines are rows of the source (from[line * stride + k]), else its
   * columns (from[k * stride + line]).
   */
  void (*pack_a)(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k);
  void (*pack_b)(void *panels, const float *from, int64_t stride, int across, int64_t lines, int64_t k);
  /* out = plus (NULL: nothing) + a·b for the first `high` rows and `wide` columns of a tile; rows of out and plus are `stride` apart. */
  void (*multiply)(float *out, const float *plus, int64_t stride, const void *a, const void *b, int64_t k, int high, int wide);
  /* Around the work of one thread; may be NULL. */
  void (*enter)(void), (*leave)(void);
} tiles_t;

extern const tiles_t vector_tiles; /* matmul_vector.c */
/* The tile unit of recent Intel processors; NULL where it is not to be had. */
const tiles_t *unit_tiles(void); /* matmul_amx.c */
