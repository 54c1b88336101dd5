/*
 * Attention, backwards: the probabilities come again from the scores and the forward's log-sums, so nothing of size T·T is ever kept.
 * With p = exp(score − lse) and dp = dOut·v: dScore = p·(dp − Σ dOut·out), then dQ = dScore·K/√D, dK = dScoreᵀ·Q/√D and
 * dV = pᵀ·dOut.
 *
 * A task owns a key/value head of a row, or a fixed share of its queries where such heads are few: it sums dK and dV of its share over the
 * queries in order. Where there are several shares, they are added up afterwards, in order. dQ of a tile of queries belongs to one task.
 */
#include "attention_tile.h"
#include "scratch.h"

/* Tasks there should be at least; a number of its own, not of threads, for the sake of equal bits. */
#define TASKS 32

typedef struct {
  float *queries, *d_out, *d_queries; /* [D, TILE]; queries are scaled by 1/√D */
  float *query_rows, *d_out_rows;     /* [TILE, padded]: the same by rows; columns behind D are 0 */
  float *powers, *d_scores;           /* [BLOCK, TILE] */
  float *d_keys, *d_values;           /* [T, padded] */
  int64_t padded;                     /* D rounded up to vectors */
  vf lse[TILE_VECTORS], delta[TILE_VECTORS];
} gradient_t;

static size_t tile_floats(const attention_t *s, int64_t padded) { return (size_t)(3 * s->D + 2 * padded + 2 * BLOCK) * TILE; }

static gradient_t lay_out(const attention_t *s, int64_t padded, float *tiles, float *sums) {
  gradient_t g = {.padded = padded, .d_keys = sums, .d_values = sums + s->T * padded};
  g.queries = tiles, g.d_out = g.queries + s->D * TILE, g.d_queries = g.d_out + s->D * TILE;
  g.query_rows = g.d_queries + s->D * TILE, g.d_out_rows = g.query_rows + padded * TILE;
  g.powers = g.d_out_rows + padded * TILE, g.d_scores = g.powers + BLOCK * TILE;
  return g;
}

/* to[vectors·VL, padded] = scale · rows[count, D], filled up with zeros. */
static void padded_rows(float *to, int64_t padded, const float *rows, int64_t stride, const lanes_t *t, int64_t D, float scale) {
  for (int64_t i = 0; i < t->vectors * VL; i++)
    for (int64_t d = 0; d < padded; d += VL)
      vf_store(to + i * padded + d, i < t->count ? vf_load_lanes(rows + i * stride + d, lanes_left(d, D)) * scale : (vf){0});
}

/*
 * Lse and Σ dOut·out of the tile's queries. The sum is taken as the products of tiles take theirs, so that a query whose out is one value
 * row gets dp − Σ dOut·out = 0 exactly.
 */
INLINE void tile_sums(gradient_t *g, const lanes_t *t, const float *out, const float *lse, const attention_t *s, float *delta) {
  tile_transposed(g->d_queries, out, s->H * s->D, t, s->D, 1.0f);
  for (int64_t v = 0; v < t->vectors; v++) {
    vf sum = {0};
    for (int64_t d = 0; d < s->D; d++) sum += vf_load(g->d_out + d * TILE + v * VL) * vf_load(g->d_queries + d * TILE + v * VL);
    g->delta[v] = sum;
    for (int64_t i = 0; i < VL; i++) {
      const int64_t query = v * VL + i;
      g->lse[v][i] = query < t->count ? lse[query * s->H] : 0;
      if (query < t->count) delta[query * s->H] = sum[i];
    }
  }
}

/* Scores and dp of one vector over a block become p and dScore. */
INLINE void block_gradient(const gradient_t *g, const lanes_t *t, const block_t *b, int64_t v) {
  float *powers = g->powers + v * VL, *d_scores = g->d_scores + v * VL;
  const int hidden = partly_hidden(t, b, v);
  for (int64_t j = 0; j < b->keys; j++) {
    vf p = vf_exp_bounded(vf_load(powers + j * TILE) - g->lse[v]);
    vf d = p * (vf_load(d_scores + j * TILE) - g->delta[v]);
    if (hidden) {
      const vi here = seen(t, v, b->key + j);
      p = (vf)(here & (vi)p), d = (vf)(here & (vi)d);
    }
    vf_store(powers + j * TILE, p);
    vf_store(d_scores + j * TILE, d);
  }
}

/* One tile of queries of one head: adds to dK and dV, sets dQ. */
static void backward_tile(gradient_t *g, const attention_t *s, const op_t *op, int64_t row, int64_t head, int64_t from) {
  const int64_t token = row * s->T + from, kv = head * s->K / s->H, mixed = (token * s->H + head) * s->D;
  const float *qkv = op->p[5], *keys = qkv + row * s->T * s->width + (s->H + kv) * s->D, *values = keys + s->K * s->D;
  const float *queries = qkv + token * s->width + head * s->D, *d_out = (const float *)op->p[2] + mixed;
  const lanes_t t = tile_lanes(s, (const int32_t *)op->p[6] + row * s->T, from);
  const float scale = 1.0f / sqrtf((float)s->D);
  tile_transposed(g->queries, queries, s->width, &t, s->D, scale);
  tile_transposed(g->d_out, d_out, s->H * s->D, &t, s->D, 1.0f);
  padded_rows(g->query_rows, g->padded, queries, s->width, &t, s->D, scale);
  padded_rows(g->d_out_rows, g->padded, d_out, s->H * s->D, &t, s->D, 1.0f);
  tile_sums(g, &t, (const float *)op->p[3] + mixed, (const float *)op->p[4] + token * s->H + head, s,
            (float *)op->p[1] + token * s->H + head);
  for (int64_t i = 0; i < s->D * TILE; i += VL) vf_store(g->d_queries + i, (vf){0});

  block_t b;
  for (int64_t key = t.first_of_all; key < from + t.count; key += b.keys) {
    b = tile_block(&t, key);
    const int64_t vectors = b.end - b.begin, lane = b.begin * VL, lanes = vectors * VL, wide = g->padded / VL;
    const float *key_tile = keys + key * s->width, *value_tile = values + key * s->width;
    const scalars_t key_rows = {key_tile, s->width, 1}, value_rows = {value_tile, s->width, 1}, key_columns = {key_tile, 1, s->width};
    small_product(g->powers + lane, TILE, key_rows, g->queries + lane, TILE, b.keys, vectors, s->D, 0);
    small_product(g->d_scores + lane, TILE, value_rows, g->d_out + lane, TILE, b.keys, vectors, s->D, 0);
    for (int64_t v = b.begin; v < b.end; v++) block_gradient(g, &t, &b, v);
    const scalars_t powers = {g->powers + lane, TILE, 1}, d_scores = {g->d_scores + lane, TILE, 1};
    float *d_keys = g->d_keys + key * g->padded, *d_values = g->d_values + key * g->padded;
    small_product(d_values, g->padded, powers, g->d_out_rows + lane * g->padded, g->padded, b.keys, wide, lanes, 1);
    small_product(d_keys, g->padded, d_scores, g->query_rows + lane * g->padded, g->padded, b.keys, wide, lanes, 1);
    small_product(g->d_queries + lane, TILE, key_columns, g->d_scores + lane, TILE, s->D, vectors, b.keys, 1);
  }

  vf scales[TILE_VECTORS];
  for (int64_t v = 0; v < TILE_VECTORS; v++) scales[v] = vf_set(scale);
  tile_rows((float *)op->p[0] + token * s->width + head * s->D, s->width, g->d_queries, &t, s->D, scales);
}

/* Columns of dK and dV of tokens `begin` up to `end` of a row = the shares' sums, added in order. */
static void write_sums(const attention_t *s, float *d_qkv, const float *sums, int64_t shares, int64_t padded, int64_t begin, int64_t end) {
  for (int64_t token = begin; token < end; token++)
    for (int64_t kind = 0; kind < 2; kind++)
      for (int64_t d = 0; d < s->D; d += VL) {
        const float *from = sums + (kind * s->T + token) * padded + d;
        vf sum = vf_load(from);
        for (int64_t share = 1; share < shares; share++) sum += vf_load(from + share * 2 * s->T * padded);
        vf_store_lanes(d_qkv + token * s->width + kind * s->K * s->D + d, sum, lanes_left(d, s->D));
      }
}

void op_attention_backward(const op_t *op) {
  const attention_t s = attention_shape(op);
  const int64_t padded = (s.D + VL - 1) / VL * VL, tiles = (s.T + TILE - 1) / TILE, group = s.H / s.K, pairs = s.B * s.K;
  const int64_t wanted = (TASKS + pairs - 1) / pairs, shares = wanted < group * tiles ? wanted : group * tiles;
  const size_t sum_floats = 2 * s.T * padded;
  float *shared = shares > 1 ? shared_scratch(pairs * shares * sum_floats) : NULL;
  float *d_keys = (float *)op->p[0] + s.H * s.D;
  if (shares > 1 && !shared) return;
#pragma omp parallel
  {
#pragma omp for schedule(dynamic)
    for (int64_t task = 0; task < pairs * shares; task++) {
      const int64_t pair = task / shares, share = task % shares, row = pair / s.K, kv = pair % s.K;
      float *tile = thread_scratch(tile_floats(&s, padded) + (shares > 1 ? 0 : sum_floats));
      if (!tile) continue;
      gradient_t g = lay_out(&s, padded, tile, shares > 1 ? shared + task * sum_floats : tile + tile_floats(&s, padded));
      for (size_t i = 0; i < sum_floats; i += VL) vf_store(g.d_keys + i, (vf){0});
      for (int64_t unit = share; unit < group * tiles; unit += shares)
        backward_tile(&g, &s, op, row, kv * group + unit / tiles, unit % tiles * TILE);
      if (shares == 1) write_sums(&s, d_keys + row * s.T * s.width + kv * s.D, g.d_keys, 1, padded, 0, s.T);
    }
#pragma omp for collapse(2) schedule(static)
    for (int64_t pair = 0; pair < (shares > 1 ? pairs : 0); pair++)
      for (int64_t from = 0; from < s.T; from += TILE)
        write_sums(&s, d_keys + pair / s.K * s.T * s.width + pair % s.K * s.D, shared + pair * shares * sum_floats, shares, padded, from,
                   least(from + TILE, s.T));
  }
}
