/*
 * What attention's forward and backward share: a tile of up to TILE queries of one head, held transposed, so that every query has its own
 * lane. Scores then come as [keys, queries]: maxima and sums over keys run down the rows, lane by lane, and the keys and values are read in
 * place, value by value, without being packed.
 */
#pragma once
#include <math.h>
#include "abi.h"
#include "exp.h"
#include "lanes.h"
#include "small_matmul.h"

#define TILE_VECTORS 4
#define TILE (TILE_VECTORS * VL)
/* Keys of a block: many while all queries of the tile are later than they, few along the diagonal, where blocks are cut to size. */
#define BLOCK 64
#define DIAGONAL_BLOCK 16

typedef struct {
  int64_t B, T, H, K, D, window;
  int64_t width; /* of a row of qkv: (H + 2K)·D */
  int64_t past;  /* keys before a row's first query: then T is the end of both, counted in keys */
} attention_t;

INLINE attention_t attention_shape(const op_t *op) {
  const int64_t *n = op->n;
  return (attention_t){n[0], n[1], n[2], n[3], n[4], n[5], (n[2] + 2 * n[3]) * n[4], 0};
}

/* Which keys the queries of a tile see: positions in the row. Lanes behind the last query see none. */
typedef struct {
  int64_t from;                       /* position of the first query */
  int64_t count;                      /* queries, at most TILE */
  int64_t vectors;                    /* that hold them */
  vi position[TILE_VECTORS];          /* of each query; −1 behind the last */
  vi first[TILE_VECTORS];             /* key that each query sees */
  int32_t first_least[TILE_VECTORS];  /* over the queries of a vector */
  int32_t first_most[TILE_VECTORS];   /* over all its lanes */
  int64_t first_of_all;
} lanes_t;

/* starts: of the row that the tile is in. */
INLINE lanes_t tile_lanes(const attention_t *s, const int32_t *starts, int64_t from) {
  lanes_t t = {.from = from, .count = s->T - from < TILE ? s->T - from : TILE, .first_of_all = s->T};
  t.vectors = (t.count + VL - 1) / VL;
  for (int64_t v = 0; v < t.vectors; v++) {
    t.first_least[v] = INT32_MAX;
    for (int64_t i = 0; i < VL; i++) {
      const int64_t position = from + v * VL + i;
      const int real = position < s->T;
      int64_t first = position - s->window + 1;
      if (real && starts[position - s->past] > first) first = starts[position - s->past];
      if (first < 0) first = 0;
      if (first > position) first = position; /* a token sees itself, whatever the starts say */
      t.position[v][i] = real ? (int32_t)position : -1;
      t.first[v][i] = real ? (int32_t)first : INT32_MAX;
      if (t.first[v][i] < t.first_least[v]) t.first_least[v] = t.first[v][i];
      if (i == 0 || t.first[v][i] > t.first_most[v]) t.first_most[v] = t.first[v][i];
    }
    if (t.first_least[v] < t.first_of_all) t.first_of_all = t.first_least[v];
  }
  return t;
}

/* A block of keys, and the vectors of queries (from `begin` up to `end`) that hold all those who see any of them. */
typedef struct {
  int64_t key, keys;
  int64_t begin, end;
} block_t;

INLINE block_t tile_block(const lanes_t *t, int64_t key) {
  const int64_t last = t->from + t->count - 1;
  block_t b = {.key = key, .keys = key < t->from ? BLOCK : DIAGONAL_BLOCK};
  if (key < t->from && key + b.keys > t->from) b.keys = t->from - key;
  if (b.key + b.keys > last + 1) b.keys = last + 1 - b.key;
  b.begin = key > t->from ? (key - t->from) / VL : 0;
  b.end = t->vectors;
  while (b.begin < b.end && t->first_least[b.begin] >= key + b.keys) b.begin++;
  while (b.end > b.begin && t->first_least[b.end - 1] >= key + b.keys) b.end--;
  return b;
}

/* Whether some lane of a vector does not see all keys of a block. */
INLINE int partly_hidden(const lanes_t *t, const block_t *b, int64_t vector) {
  return t->first_most[vector] > b->key || t->from + vector * VL < b->key + b->keys - 1;
}

INLINE vi seen(const lanes_t *t, int64_t vector, int64_t key) {
  return (t->first[vector] <= (int32_t)key) & (t->position[vector] >= (int32_t)key);
}

/* columns[D, TILE] = scale · rows[count, D] transposed; lanes behind the last row of a vector become 0. */
INLINE void tile_transposed(float *columns, const float *rows, int64_t stride, const lanes_t *t, int64_t D, float scale) {
  for (int64_t v = 0; v < t->vectors; v++)
    for (int64_t d = 0; d < D; d += VL) {
      const int lanes = lanes_left(d, D);
      const int real = lanes_left(v * VL, t->count);
      vf m[VL];
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++) m[i] = i < real ? vf_load_lanes(rows + (v * VL + i) * stride + d, lanes) * scale : (vf){0};
      transpose_lanes(m);
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++)
        if (i < lanes) vf_store(columns + (d + i) * TILE + v * VL, m[i]);
    }
}

/* rows[count, D] = the lanes' columns[D, TILE] · scale, a factor for each lane of each vector. */
INLINE void tile_rows(float *rows, int64_t stride, const float *columns, const lanes_t *t, int64_t D, const vf *scale) {
  for (int64_t v = 0; v < t->vectors; v++)
    for (int64_t d = 0; d < D; d += VL) {
      const int lanes = lanes_left(d, D);
      const int real = lanes_left(v * VL, t->count);
      vf m[VL];
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++) m[i] = i < lanes ? vf_load(columns + (d + i) * TILE + v * VL) * scale[v] : (vf){0};
      transpose_lanes(m);
#pragma GCC unroll 16
      for (int i = 0; i < VL; i++)
        if (i < real) vf_store_lanes(rows + (v * VL + i) * stride + d, m[i], lanes);
    }
}
