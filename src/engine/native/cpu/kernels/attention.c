/*
 * Attention, forwards: tile by tile with a running softmax, after Dao et al., "FlashAttention" (arXiv 2205.14135) and Milakov and
 * Gimelshein (arXiv 1805.02867). No score leaves the first caches. Each tile of queries is one task of one thread, so how tasks are dealt
 * out cannot change a bit.
 */
#include <float.h>
#include "attention_tile.h"
#include "scratch.h"

typedef struct {
  float *queries; /* [D, TILE], scaled by 1/√D */
  float *mixed;   /* [D, TILE]: Σ p·v */
  float *scores;  /* [BLOCK, TILE] */
  vf greatest[TILE_VECTORS], sum[TILE_VECTORS];
} running_t;

/* Turns one vector's scores over a block into exp(score − greatest), with the greatest so far, and scales down what came before. */
INLINE void block_softmax(running_t *r, const lanes_t *t, const block_t *b, int64_t v, int64_t D) {
  float *scores = r->scores + v * VL;
  vf greatest = r->greatest[v];
  if (partly_hidden(t, b, v))
    for (int64_t j = 0; j < b->keys; j++) {
      const vf score = vf_select(seen(t, v, b->key + j), vf_load(scores + j * TILE), vf_set(-INFINITY));
      vf_store(scores + j * TILE, score);
      greatest = vf_max(score, greatest);
    }
  else
    for (int64_t j = 0; j < b->keys; j++) greatest = vf_max(vf_load(scores + j * TILE), greatest);
  vf sum = {0};
  for (int64_t j = 0; j < b->keys; j++) {
    const vf power = vf_exp_bounded(vf_load(scores + j * TILE) - greatest);
    vf_store(scores + j * TILE, power);
    sum += power;
  }
  const vf shrink = vf_exp_bounded(r->greatest[v] - greatest);
  r->greatest[v] = greatest;
  r->sum[v] = r->sum[v] * shrink + sum;
  for (int64_t d = 0; d < D; d++) vf_store(r->mixed + d * TILE + v * VL, vf_load(r->mixed + d * TILE + v * VL) * shrink);
}

/* A row's keys and values, the heads of a token side by side: they stand in qkv behind the queries, or in a cache. */
typedef struct {
  const float *keys;
  int64_t width; /* of a token */
} keys_t;

static keys_t keys_of(const attention_t *s, const op_t *op, int64_t row) {
  if (!op->p[4]) return (keys_t){(const float *)op->p[2] + row * s->T * s->width + s->H * s->D, s->width};
  const int64_t width = 2 * s->K * s->D, first = ((const int32_t *)op->p[5])[row * s->T];
  return (keys_t){(const float *)op->p[4] + first / op->n[6] * op->n[6] * width, width};
}

/* Keys before the row's first query. */
static int64_t past_of(const attention_t *s, const op_t *op, int64_t row) {
  return op->p[4] ? ((const int32_t *)op->p[5])[row * s->T] % op->n[6] : 0;
}

/* One task: the tile of queries from `first` on of head `head` of row `row`. */
static void forward_tile(const attention_t *shape, const op_t *op, int64_t row, int64_t head, int64_t first) {
  const keys_t row_keys = keys_of(shape, op, row);
  const int64_t token = row * shape->T + first, width = row_keys.width;
  attention_t seen = *shape; /* with places among the keys instead of places among the queries */
  const attention_t *s = &seen;
  seen.past = past_of(shape, op, row), seen.T += seen.past;
  const int64_t from = seen.past + first;
  const float *keys = row_keys.keys + head * s->K / s->H * s->D, *values = keys + s->K * s->D;
  const lanes_t t = tile_lanes(s, (const int32_t *)op->p[3] + row * shape->T, from);
  float *scratch = thread_scratch((2 * s->D + BLOCK) * TILE);
  if (!scratch) return;
  running_t r = {.queries = scratch, .mixed = scratch + s->D * TILE, .scores = scratch + 2 * s->D * TILE};
  tile_transposed(r.queries, (const float *)op->p[2] + token * s->width + head * s->D, s->width, &t, s->D, 1.0f / sqrtf((float)s->D));
  for (int64_t i = 0; i < s->D * TILE; i += VL) vf_store(r.mixed + i, (vf){0});
  for (int64_t v = 0; v < TILE_VECTORS; v++) r.greatest[v] = vf_set(-FLT_MAX), r.sum[v] = (vf){0};

  block_t b;
  for (int64_t key = t.first_of_all; key < from + t.count; key += b.keys) {
    b = tile_block(&t, key);
    const int64_t vectors = b.end - b.begin, lane = b.begin * VL;
    const scalars_t key_rows = {keys + key * width, width, 1}, value_columns = {values + key * width, 1, width};
    small_product(r.scores + lane, TILE, key_rows, r.queries + lane, TILE, b.keys, vectors, s->D, 0);
    for (int64_t v = b.begin; v < b.end; v++) block_softmax(&r, &t, &b, v, s->D);
    small_product(r.mixed + lane, TILE, value_columns, r.scores + lane, TILE, s->D, vectors, b.keys, 1);
  }

  vf inverse[TILE_VECTORS];
  for (int64_t v = 0; v < t.vectors; v++) inverse[v] = 1.0f / r.sum[v];
  tile_rows((float *)op->p[0] + (token * s->H + head) * s->D, s->H * s->D, r.mixed, &t, s->D, inverse);
  float *lse = (float *)op->p[1] + token * s->H + head;
  for (int64_t i = 0; i < t.count; i++) lse[i * s->H] = r.greatest[i / VL][i % VL] + logf(r.sum[i / VL][i % VL]);
}

void op_attention(const op_t *op) {
  const attention_t s = attention_shape(op);
  const int64_t tiles = (s.T + TILE - 1) / TILE;
#pragma omp parallel for schedule(dynamic)
  for (int64_t task = 0; task < s.B * s.H * tiles; task++) {
    const int64_t head = task / tiles % s.H, tile = tiles - 1 - task % tiles; /* long tasks first */
    forward_tile(&s, op, task / tiles / s.H, head, tile * TILE);
  }
}
