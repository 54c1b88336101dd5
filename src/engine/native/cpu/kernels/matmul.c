/*
 * OP_MATMUL: out[M, N] = plus + op(a)·op(b). Two ways: a packed, blocked product (matmul_tiles.h has the scheme), and for a few rows against
 * b's rows (decoding) dot products that read b once, as fast as memory gives it.
 *
 * Every number of out is computed by one thread and in an order that depends on M, N, K and the flags alone: the threads divide tiles of out,
 * never K. K is cut into nearly equal slabs, whose sums are added to out one after the other.
 */
#include "abi.h"
#include "matmul_tiles.h"
#include "scratch.h"
#include <omp.h>

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2 };
/* Below this many multiply-adds waking the other threads costs more than they bring (some microseconds). */
enum { WORTH_THREADS = 1 << 16 };

typedef struct {
  float *out;
  const float *a, *b, *plus;
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

/* Threads in a grid over out: a column of the grid shares packed panels of b; each thread packs the rows of a that it needs. */
typedef struct {
  int rows, columns;
} grid_t;

/*
 * The grid with the least work for the busiest thread, counted in tiles: packing a panel costs about as much as multiplying one (measured on
 * two cores, for tiles of a few hundred GFLOP/s), fetching one of b that another thread packed three times that.
 */
static grid_t grid_of(const product_t *p, const tiles_t *tiles, int threads) {
  int64_t row_panels = parts_of(p->m, tiles->rows), column_panels = parts_of(p->n, tiles->columns), least = INT64_MAX;
  grid_t best = {threads, 1};
  for (int rows = threads; rows >= 1; rows--) {
    grid_t grid = {rows, threads / rows};
    int64_t high = parts_of(row_panels, rows), wide = parts_of(column_panels, grid.columns);
    int64_t work = high * wide + high + parts_of(wide, rows) + 3 * (wide - parts_of(wide, rows));
    if (work < least) least = work, best = grid;
  }
  return best;
}

/*
 * Room for packed panels: two blocks of b for each column of the grid, one of a for each thread. It belongs to the thread that calls op_matmul,
 * so that two programs may run at once.
 */
typedef struct {
  char *a, *b;
  int64_t a_bytes;
} packed_t;

static packed_t packed_for(const tiles_t *tiles, int threads, grid_t grid) {
  static _Thread_local scratch_t a, b;
  int64_t a_bytes = tiles->a_panels * tiles->depth * tiles->a_step;
  return (packed_t){scratch_for(&a, a_bytes * threads), scratch_for(&b, 2 * tiles->b_block * grid.columns), a_bytes};
}

static inline int64_t padded(const tiles_t *tiles, int64_t k) { return parts_of(k, tiles->multiple) * tiles->multiple; }

/* Columns [from, from + width) of out, and the slab of K whose products are added to them. */
typedef struct {
  int64_t from, width;
  range_t slab;
} block_t;

/* Packed rows of a against the packed block of b. out, plus: the first of the rows, first column of the block. */
static void multiply_block(const tiles_t *tiles, float *out, const float *plus, int64_t stride, const char *a, int64_t rows, const char *b,
                           int64_t width, int64_t k) {
  const int64_t a_panel = tiles->a_step * padded(tiles, k), b_panel = tiles->b_step * padded(tiles, k);
  for (int64_t row = 0; row < rows; row += tiles->rows, a += a_panel) {
    int high = (int)smaller(tiles->rows, rows - row);
    for (int64_t step = 0; step < k; step += tiles->slice) {
      const float *sum = step > 0 ? out : plus;
      int64_t deep = smaller(tiles->slice, k - step);
      const char *left = a + step * tiles->a_step, *right = b + step * tiles->b_step;
      for (int64_t column = 0; column < width; column += tiles->columns, right += b_panel) {
        int64_t at = row * stride + column;
        tiles->multiply(out + at, sum ? sum + at : NULL, stride, left, right, deep, high, (int)smaller(tiles->columns, width - column));
      }
    }
  }
}

/* One of `sharers` threads' part of packing a block of b. */
static void pack_b(const product_t *p, const tiles_t *tiles, char *to, block_t block, int sharer, int sharers) {
  int across = (p->flags & TRANSPOSE_B) != 0;
  int64_t stride = across ? p->k : p->n, k = block.slab.to - block.slab.from;
  range_t mine = part(parts_of(block.width, tiles->columns), sharers, sharer);
  int64_t first = block.from + mine.from * tiles->columns, lines = smaller(mine.to * tiles->columns, block.width) - mine.from * tiles->columns;
  if (lines <= 0) return;
  const float *from = p->b + (across ? first * stride + block.slab.from : block.slab.from * stride + first);
  tiles->pack_b(to + mine.from * tiles->b_step * padded(tiles, k), from, stride, across, lines, k);
}

/* The block's columns of out = plus + op(a) · the packed block of b, for the panels `rows` of op(a). a: room for packing. */
static void multiply_rows(const product_t *p, const tiles_t *tiles, char *a, const char *b, block_t block, range_t rows) {
  int across = (p->flags & TRANSPOSE_A) == 0;
  const float *plus = block.slab.from > 0 ? p->out : p->plus;
  int64_t stride = across ? p->k : p->m, k = block.slab.to - block.slab.from, groups = parts_of(rows.to - rows.from, tiles->a_panels);
  for (int64_t i = 0; i < groups; i++) {
    range_t group = part(rows.to - rows.from, groups, i);
    int64_t first = (rows.from + group.from) * tiles->rows, high = smaller((rows.from + group.to) * tiles->rows, p->m) - first;
    int64_t at = first * p->n + block.from;
    const float *from = p->a + (across ? first * stride + block.slab.from : block.slab.from * stride + first);
    tiles->pack_a(a, from, stride, across, high, k);
    multiply_block(tiles, p->out + at, plus ? plus + at : NULL, p->n, a, high, b, block.width, k);
  }
}

/*
 * A thread's part: block after block of b. The threads of a column of the grid pack a part of it each, wait for each other once, and multiply. Who
 * is ahead packs the next block in the other buffer: whoever passes its barrier knows that nobody reads the block before it any more.
 */
static void multiply_part(const product_t *p, const tiles_t *tiles, packed_t packed, grid_t grid, int thread) {
  /* Slabs of nearly equal depth, each a whole number of steps. */
  int64_t steps = parts_of(p->k, tiles->multiple), slabs = parts_of(p->k, tiles->depth), deepest = parts_of(steps, slabs) * tiles->multiple;
  int64_t panels = parts_of(p->n, tiles->columns), blocks = parts_of(parts_of(panels, grid.columns), tiles->b_block / (deepest * tiles->b_step));
  int column = thread / grid.rows, row = thread % grid.rows, idle = column >= grid.columns;
  range_t rows = part(parts_of(p->m, tiles->rows), grid.rows, row), columns = part(panels, grid.columns, idle ? 0 : column);
  for (int64_t i = 0; i < blocks * slabs; i++) {
    range_t block = part(columns.to - columns.from, blocks, i / slabs), slab = part(steps, slabs, i % slabs);
    int64_t from = (columns.from + block.from) * tiles->columns, to = smaller((columns.from + block.to) * tiles->columns, p->n);
    block_t now = {from, to - from, {slab.from * tiles->multiple, smaller(slab.to * tiles->multiple, p->k)}};
    char *b = packed.b + (2 * column + i % 2) * tiles->b_block;
    if (!idle) pack_b(p, tiles, b, now, row, grid.rows);
#pragma omp barrier
    if (!idle) multiply_rows(p, tiles, packed.a + packed.a_bytes * thread, b, now, rows);
  }
}

static void multiply_blocked(const product_t *p, const tiles_t *tiles) {
  int most = (double)p->m * p->n * p->k < WORTH_THREADS ? 1 : omp_get_max_threads();
  grid_t planned = grid_of(p, tiles, most);
  packed_t packed = packed_for(tiles, most, planned);
  if (packed.a == NULL || packed.b == NULL) return;
#pragma omp parallel num_threads(most)
  {
    int threads = omp_get_num_threads();
    grid_t grid = threads == most ? planned : (grid_t){threads, 1};
    if (tiles->enter) tiles->enter();
    multiply_part(p, tiles, packed, grid, omp_get_thread_num());
    if (tiles->leave) tiles->leave();
  }
}

/*
 * Up to FEW_ROWS rows of a (measured: where packing b, for use once, begins to pay) against b's rows: dot products in VL partial sums each, of
 * a block of rows of a and a group of rows of b at a time. The first pass over a group takes it from memory, later ones find it in cache;
 * blocks and groups are as large as registers hold: low and wide ones, or tall ones where a single pass is enough then. They do not show in the result: every number
 * is the same sum in the same order, whatever stands beside it, so that a row decoded among others is decoded as it is alone.
 */
#if VL == 16 || defined(__aarch64__)
enum { TALL = 8, TALL_DOTS = 3, LOW = 4, LOW_DOTS = 4 }; /* 32 registers */
#else
enum { TALL = 4, TALL_DOTS = 2, LOW = 2, LOW_DOTS = 4 }; /* 16 */
#endif
enum { FEW_ROWS = 24 };
INLINE void dot_rows(float *out, const float *plus, int64_t n, const float *a, const float *b, int64_t k, const int rows, const int dots) {
  vf sum[TALL][LOW_DOTS];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
    for (int j = 0; j < dots; j++) sum[i][j] = (vf){0};
  for (int64_t step = 0; step < k; step += VL) {
    int lanes = k - step < VL ? (int)(k - step) : VL;
    vf right[LOW_DOTS];
#pragma GCC unroll 4
    for (int j = 0; j < dots; j++) {
      const float *at = b + j * k + step;
      __builtin_prefetch(at + dots * k); /* the next group: a few short streams in a page are beyond the machine's own prefetching */
      right[j] = lanes == VL ? vf_load(at) : vf_load_part(at, lanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const float *at = a + i * k + step;
      vf left = lanes == VL ? vf_load(at) : vf_load_part(at, lanes);
#pragma GCC unroll 4
      for (int j = 0; j < dots; j++) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < dots; j++) out[i * n + j] = vf_sum(sum[i][j]) + (plus ? plus[i * n + j] : 0);
  }
}

/* All rows of a, in blocks of at most `most` (a constant), against `dots` (a constant) rows of b. */
INLINE void dot_columns(const product_t *p, int64_t column, const int most, const int dots) {
  const float *b = p->b + column * p->k;
  for (int64_t row = 0; row < p->m; row += most) {
    float *out = p->out + row * p->n + column;
    const float *a = p->a + row * p->k, *plus = p->plus ? p->plus + row * p->n + column : NULL;
    const int64_t left = smaller(p->m - row, most);
#pragma GCC unroll 8
    for (int rows = 1; rows <= most; rows++)
      if (left == rows) dot_rows(out, plus, p->n, a, b, p->k, rows, dots);
  }
}

/* One group of at most `dots` rows of b; what is left of them at the end goes one by one. */
INLINE void dot_group(const product_t *p, int64_t group, const int most, const int dots) {
  int64_t column = group * dots;
  if (column + dots <= p->n) dot_columns(p, column, most, dots);
  else
    for (; column < p->n; column++) dot_columns(p, column, most, 1);
}

static void multiply_few(const product_t *p) {
  const int tall = p->m > LOW && p->m <= TALL;
  int64_t groups = parts_of(p->n, tall ? TALL_DOTS : LOW_DOTS);
#pragma omp parallel for schedule(static) if ((double)p->m * p->n * p->k >= WORTH_THREADS)
  for (int64_t group = 0; group < groups; group++) {
    if (tall) dot_group(p, group, TALL, TALL_DOTS);
    else dot_group(p, group, LOW, LOW_DOTS);
  }
}

void op_matmul(const op_t *op) {
  product_t p = {op->p[0], op->p[1], op->p[2], op->p[3], op->n[0], op->n[1], op->n[2], op->flags};
  if (p.m == 1) p.flags &= ~TRANSPOSE_A; /* K x 1 lies in memory as 1 x K */
  if (p.m <= FEW_ROWS && (p.flags & (TRANSPOSE_A | TRANSPOSE_B)) == TRANSPOSE_B) multiply_few(&p);
  else multiply_blocked(&p, unit_tiles() ? unit_tiles() : &vector_tiles);
}
