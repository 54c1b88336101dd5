/*
 * OP_MATMUL: out[M, N] = or += op(a)·op(b). Two ways: a packed, blocked product (matmul_kernel.h has the scheme), and for a few rows against
 * b's rows (decoding) dot products that read b once, as fast as memory gives it.
 *
 * Every number of out is computed by one thread and in an order that depends on M, N, K and the flags alone: the threads divide tiles of out,
 * never K. K is cut into equal slabs of at most KC, whose sums are added to out one after the other.
 */
#include "abi.h"
#include "matmul_kernel.h"
#include "matmul_pack.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2, ADD = 4 };
/* Below this many multiply-adds waking the other threads costs more than they bring (some microseconds). */
enum { WORTH_THREADS = 1 << 16 };

typedef struct {
  float *out;
  const float *a, *b;
  int64_t m, n, k;
  int flags;
} product_t;

typedef struct {
  int64_t from, to;
} range_t;

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t parts_of(int64_t total, int64_t most) { return (total + most - 1) / most; }

/* Part `index` of `parts` nearly equal parts of 0..total. */
static inline range_t part(int64_t total, int64_t parts, int64_t index) { return (range_t){total * index / parts, total * (index + 1) / parts}; }

/*
 * Room for packed panels: two blocks of b for all threads of a product, one of a for each. It belongs to the thread that calls op_matmul, so that
 * two programs may run at once; it grows when more threads come, and then stays: nothing is allocated in a training step.
 */
typedef struct {
  float *a, *b;
  int threads;
} packed_t;
enum { A_FLOATS = MC / MR * MS * KC, B_FLOATS = NC * KC };

static float *aligned_floats(size_t count) {
  void *memory = NULL;
  if (posix_memalign(&memory, CACHE_LINE, count * sizeof(float)) != 0) {
    fprintf(stderr, "matmul: no memory for %zu bytes of packed panels\n", count * sizeof(float));
    abort();
  }
  return memory;
}

static packed_t packed_for(int threads) {
  static _Thread_local packed_t kept;
  if (kept.b == NULL) kept.b = aligned_floats(2 * B_FLOATS);
  if (threads > kept.threads) {
    free(kept.a);
    kept.a = aligned_floats((size_t)A_FLOATS * threads);
    kept.threads = threads;
  }
  return kept;
}

/* How many threads divide the rows of out; the others divide its columns. The least work for the busiest; of equals, more rows (less packing). */
static int threads_by_rows(int64_t row_panels, int64_t column_panels, int threads) {
  int best = 1;
  int64_t least = INT64_MAX;
  for (int rows = threads; rows >= 1; rows--) {
    int64_t work = parts_of(row_panels, rows) * parts_of(column_panels, threads / rows);
    if (work < least) least = work, best = rows;
  }
  return best;
}

/* Packed rows of a against the panels `columns` of packed b, a block `width` columns wide. out: the first of the rows, column 0 of the block. */
static void multiply_block(float *out, int64_t stride, const float *a, int64_t rows, const float *b, range_t columns, int64_t width, int64_t k,
                           int add) {
  for (int64_t row = 0; row < rows; row += MR, a += MS * k) {
    int high = (int)smaller(MR, rows - row);
    for (int64_t panel = columns.from; panel < columns.to; panel++) {
      int wide = (int)smaller(NR, width - panel * NR);
      float *tile = out + row * stride + panel * NR;
      if (high == MR && wide == NR) full_tile(tile, stride, a, b + panel * NR * k, k, add);
      else edge_tile(tile, stride, a, b + panel * NR * k, k, add, high, wide);
    }
  }
}

/* A thread's part of packing a block of b: columns [column, column + width) of op(b), a slab of K. */
static void pack_b(const product_t *p, float *to, int64_t column, int64_t width, range_t slab, int thread, int threads) {
  int across = (p->flags & TRANSPOSE_B) != 0;
  int64_t stride = across ? p->k : p->n, k = slab.to - slab.from;
  range_t mine = part(parts_of(width, NR), threads, thread);
  int64_t first = column + mine.from * NR, lines = smaller(mine.to * NR, width) - mine.from * NR;
  if (lines <= 0) return;
  const float *from = p->b + (across ? first * stride + slab.from : slab.from * stride + first);
  pack(to + mine.from * NR * k, from, stride, across, lines, k, NR);
}

/* A thread's part of out's columns [column, column + width) += its rows of op(a) · the packed block of b. a: room for packing. */
static void multiply_slab(const product_t *p, float *a, const float *b, int64_t column, int64_t width, range_t slab, int thread, int threads) {
  int64_t row_panels = parts_of(p->m, MR), column_panels = parts_of(width, NR);
  int by_rows = threads_by_rows(row_panels, column_panels, threads), by_columns = threads / by_rows;
  if (thread >= by_rows * by_columns) return;
  range_t rows = part(row_panels, by_rows, thread / by_columns), columns = part(column_panels, by_columns, thread % by_columns);
  int across = (p->flags & TRANSPOSE_A) == 0, add = (p->flags & ADD) != 0 || slab.from > 0;
  int64_t stride = across ? p->k : p->m, k = slab.to - slab.from, blocks = parts_of(rows.to - rows.from, MC / MR);
  for (int64_t i = 0; i < blocks; i++) {
    range_t block = part(rows.to - rows.from, blocks, i);
    int64_t first = (rows.from + block.from) * MR, high = smaller((rows.from + block.to) * MR, p->m) - first;
    pack(a, p->a + (across ? first * stride + slab.from : slab.from * stride + first), stride, across, high, k, MR);
    multiply_block(p->out + first * p->n + column, p->n, a, high, b, columns, width, k, add);
  }
}

/*
 * The blocks of b, one after the other: all threads pack a part of it, wait for each other once, and multiply. A thread that is ahead packs the
 * next block in the other buffer: whoever passes its barrier knows that nobody reads the block before it any more.
 */
static void multiply_blocked(const product_t *p) {
  int most = (double)p->m * p->n * p->k < WORTH_THREADS ? 1 : omp_get_max_threads();
  packed_t packed = packed_for(most);
  int64_t slabs = parts_of(p->k, KC), panels = parts_of(p->n, NR), blocks = parts_of(panels, B_FLOATS / (parts_of(p->k, slabs) * NR));
#pragma omp parallel num_threads(most)
  {
    int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    for (int64_t i = 0; i < blocks * slabs; i++) {
      range_t block = part(panels, blocks, i / slabs), slab = part(p->k, slabs, i % slabs);
      int64_t column = block.from * NR, width = smaller(block.to * NR, p->n) - column;
      float *b = packed.b + i % 2 * B_FLOATS;
      pack_b(p, b, column, width, slab, thread, threads);
#pragma omp barrier
      multiply_slab(p, packed.a + (int64_t)A_FLOATS * thread, b, column, width, slab, thread, threads);
    }
  }
}

/*
 * Up to FEW_ROWS rows of a (measured: where packing b, for use once, begins to pay) against b's rows: dot products of 4 rows of a and DOTS rows
 * of b at a time, in VL partial sums each. The first pass over a group of b's rows takes them from memory, later ones find them in cache.
 */
enum { FEW_ROWS = 24, DOTS = 4 };
INLINE void dot_rows(float *out, int64_t n, const float *a, const float *b, int64_t k, int add, int rows, int dots) {
  vf sum[4][DOTS] = {0};
  for (int64_t step = 0; step < k; step += VL) {
    int lanes = k - step < VL ? (int)(k - step) : VL;
    vf right[DOTS];
#pragma GCC unroll 4
    for (int j = 0; j < dots; j++) {
      const float *at = b + j * k + step;
      __builtin_prefetch(at + dots * k); /* the next group: four short streams in a page are beyond the machine's own prefetching */
      right[j] = lanes == VL ? vf_load(at) : vf_load_part(at, lanes);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
      const float *at = a + i * k + step;
      vf left = lanes == VL ? vf_load(at) : vf_load_part(at, lanes);
#pragma GCC unroll 4
      for (int j = 0; j < dots; j++) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < dots; j++) out[i * n + j] = vf_sum(sum[i][j]) + (add ? out[i * n + j] : 0);
  }
}

/* All rows of a against `dots` (a constant) rows of b. */
INLINE void dot_columns(const product_t *p, int64_t column, int dots) {
  const float *b = p->b + column * p->k;
  int add = (p->flags & ADD) != 0;
  for (int64_t row = 0; row < p->m; row += 4) {
    float *out = p->out + row * p->n + column;
    const float *a = p->a + row * p->k;
    switch (p->m - row) {
      case 1: dot_rows(out, p->n, a, b, p->k, add, 1, dots); break;
      case 2: dot_rows(out, p->n, a, b, p->k, add, 2, dots); break;
      case 3: dot_rows(out, p->n, a, b, p->k, add, 3, dots); break;
      default: dot_rows(out, p->n, a, b, p->k, add, 4, dots);
    }
  }
}

static void multiply_few(const product_t *p) {
  int64_t groups = parts_of(p->n, DOTS);
#pragma omp parallel for schedule(static) if ((double)p->m * p->n * p->k >= WORTH_THREADS)
  for (int64_t group = 0; group < groups; group++) {
    int64_t column = group * DOTS;
    if (column + DOTS <= p->n) dot_columns(p, column, DOTS);
    else
      for (; column < p->n; column++) dot_columns(p, column, 1);
  }
}

void op_matmul(const op_t *op) {
  product_t p = {op->p[0], op->p[1], op->p[2], op->n[0], op->n[1], op->n[2], op->flags};
  if (p.m == 1) p.flags &= ~TRANSPOSE_A; /* K x 1 lies in memory as 1 x K */
  if (p.m <= FEW_ROWS && (p.flags & (TRANSPOSE_A | TRANSPOSE_B)) == TRANSPOSE_B) multiply_few(&p);
  else multiply_blocked(&p);
}
