/*
 * Runs every operation at odd sizes on buffers that end exactly where the sanitizer's forbidden memory begins and are aligned to four
 * bytes only, as views may be. Numbers are not looked at here. Prints how many operations ran.
 */
#include <stdio.h>
#include <stdlib.h>
#include "abi.h"

#define SCALARS (S_ONE_MINUS_BETA2 + 1)
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void *blocks[16];
static int block_count;
static int operations_run;

static void *block(int64_t elements) {
  int32_t *memory = malloc((elements + 1) * 4);
  blocks[block_count++] = memory;
  return memory + 1;
}

static uint32_t state = 1;

static float *floats(int64_t n) {
  float *x = block(n);
  for (int64_t i = 0; i < n; i++) {
    state = state * 1664525 + 1013904223;
    x[i] = (float)(state >> 8) / (1 << 23) - 1;
  }
  return x;
}

static int32_t *ints(int64_t n, int32_t limit) {
  int32_t *x = block(n);
  for (int64_t i = 0; i < n; i++) x[i] = (int32_t)(i * 7919 % limit);
  return x;
}

static int32_t *starts(int64_t B, int64_t T, int64_t document) {
  int32_t *x = block(B * T);
  for (int64_t i = 0; i < B * T; i++) x[i] = (int32_t)(i % T / document * document);
  return x;
}

/* Runs one operation and frees its buffers. */
static void run(op_t op) {
  if (run_program(&op, 1, NULL) != 0) {
    fprintf(stderr, "operation %d cannot run\n", op.code);
    exit(3);
  }
  operations_run++;
  while (block_count) free(blocks[--block_count]);
}

#define RUN(code_, flags_, ...) run((op_t){.code = code_, .flags = flags_, __VA_ARGS__})

static void elements(int64_t n) {
  RUN(OP_ZERO, 0, .n = {n}, .p = {floats(n)});
  RUN(OP_ADD, 0, .n = {n}, .p = {floats(n), floats(n)});
  RUN(OP_COPY, 0, .n = {n}, .p = {floats(n), floats(n)});
  RUN(OP_SQUARED_NORM, 0, .n = {n}, .p = {floats(1), floats(n)});
  for (int decays = 0; decays < 2; decays++) {
    void *weight = floats(n), *m = floats(n), *v = block(n), *g = floats(n), *scalars = floats(SCALARS);
    for (int64_t i = 0; i < n; i++) ((float *)v)[i] = 0.5f;
    for (int i = 0; i < SCALARS; i++) ((float *)scalars)[i] = 0.5f;
    RUN(OP_ADAMW, decays, .n = {n}, .p = {weight, m, v, g, NULL, scalars});
  }
}

static void rows(int64_t N, int64_t C) {
  RUN(OP_EMBED, 0, .n = {N, C}, .p = {floats(N * C), floats(7 * C), ints(N, 7)});
  RUN(OP_EMBED_BACKWARD, 0, .n = {N, C, 7}, .p = {floats(7 * C), floats(N * C), ints(N, 7)});
  for (int delta = 0; delta < 2; delta++)
    RUN(OP_RMSNORM, 0, .n = {N, C}, .x = {1e-5},
        .p = {floats(N * C), floats(N), floats(N * C), delta ? floats(N * C) : NULL, floats(C)});
  for (int overwrite = 0; overwrite < 2; overwrite++)
    RUN(OP_RMSNORM_BACKWARD, overwrite, .n = {N, C},
        .p = {floats(N * C), floats(C), floats(N * C), floats(N * C), floats(N), floats(C)});
  RUN(OP_ADD_BIAS, 0, .n = {N, C}, .p = {floats(N * C), floats(C)});
  RUN(OP_ADD_BIAS_BACKWARD, 0, .n = {N, C}, .p = {floats(C), floats(N * C)});
  RUN(OP_SLICE_COLUMNS, 0, .n = {N, C, C + 3, 2}, .p = {floats(N * C), floats(N * (C + 3))});
  RUN(OP_PLACE_COLUMNS, 0, .n = {N, C + 3, C, 3}, .p = {floats(N * (C + 3)), floats(N * C)});
  RUN(OP_SWIGLU, 0, .n = {N, C}, .p = {floats(N * C), floats(N * 2 * C)});
  RUN(OP_SWIGLU_BACKWARD, 0, .n = {N, C}, .p = {floats(N * 2 * C), floats(N * C), floats(N * 2 * C)});
  for (int gradient = 0; gradient < 2; gradient++)
    for (int64_t padding = 0; padding < 20; padding += 19)
      RUN(OP_CROSS_ENTROPY, gradient, .n = {N, C + padding, C},
          .p = {floats(N), floats(N * (C + padding)), ints(N, (int32_t)C), floats(N), floats(SCALARS)});
}

static void product(int64_t M, int64_t N, int64_t K) {
  for (int flags = 0; flags < 8; flags++)
    RUN(OP_MATMUL, flags, .n = {M, N, K}, .p = {floats(M * N), floats(M * K), floats(K * N)});
}

static void heads(int64_t B, int64_t T, int64_t H, int64_t K, int64_t D, int64_t window) {
  const int64_t N = B * T, X = (H + 2 * K) * D;
  for (int inverse = 0; inverse < 2; inverse++)
    RUN(OP_ROPE, inverse, .n = {N, H, K, D}, .p = {floats(N * X), floats(T * D), ints(N, (int32_t)T)});
  for (int64_t document = 1; document <= T; document += (T + 1) / 2) {
    RUN(OP_ATTENTION, 0, .n = {B, T, H, K, D, window},
        .p = {floats(N * H * D), floats(N * H), floats(N * X), starts(B, T, document)});
    RUN(OP_ATTENTION_BACKWARD, 0, .n = {B, T, H, K, D, window},
        .p = {floats(N * X), floats(N * H), floats(N * H * D), floats(N * H * D), floats(N * H), floats(N * X),
              starts(B, T, document)});
  }
}

/* Queries that are the last T tokens of rows of a cache, which they fill to the end. */
static void cached_heads(int64_t B, int64_t T, int64_t H, int64_t K, int64_t D, int64_t S) {
  const int64_t N = B * T, X = (H + 2 * K) * D, Y = 2 * K * D;
  int32_t *places = block(N), *first = block(N);
  for (int64_t i = 0; i < N; i++) places[i] = (int32_t)(i / T * S + S - T + i % T), first[i] = 0;
  RUN(OP_ATTENTION, 0, .n = {B, T, H, K, D, S, S},
      .p = {floats(N * H * D), floats(N * H), floats(N * X), first, floats(B * S * Y), places});
  int32_t *rows = block(N);
  for (int64_t i = 0; i < N; i++) rows[i] = (int32_t)(N - 1 - i);
  RUN(OP_PLACE_ROWS, 0, .n = {N, Y, X, H * D}, .p = {floats(N * Y), floats(N * X), rows});
}

static void run_all(void) {
  static const int64_t counts[] = {1, 2, 15, 17, 257, 70001};
  for (size_t i = 0; i < COUNT(counts); i++) elements(counts[i]);
  static const int64_t matrices[][2] = {{1, 1}, {1, 17}, {17, 1}, {3, 8}, {5, 40}, {17, 257}, {131, 66}, {300, 5}};
  for (size_t i = 0; i < COUNT(matrices); i++) rows(matrices[i][0], matrices[i][1]);
  static const int64_t products[][3] = {{1, 1, 1},    {1, 17, 257}, {17, 1, 3},    {5, 7, 3},     {33, 16, 1},   {23, 130, 9},
                                        {65, 33, 129}, {90, 34, 400}, {30, 720, 41}, {173, 33, 42}, {90, 710, 390}};
  for (size_t i = 0; i < COUNT(products); i++) product(products[i][0], products[i][1], products[i][2]);
  static const int64_t attentions[][6] = {{1, 1, 1, 1, 8, 1},     {3, 1, 3, 1, 40, 1},    {2, 17, 3, 1, 8, 17},
                                          {2, 17, 4, 2, 128, 5},  {1, 64, 1, 1, 6, 64},   {1, 65, 2, 1, 64, 1},
                                          {1, 130, 2, 2, 12, 64}, {1, 257, 3, 1, 40, 257}};
  for (size_t i = 0; i < COUNT(attentions); i++) {
    const int64_t *a = attentions[i];
    heads(a[0], a[1], a[2], a[3], a[4], a[5]);
    cached_heads(a[0], a[1], a[2], a[3], a[4], a[1] + i * 20);
  }
}

int main(void) {
  for (int threads = 1; threads <= 3; threads += 2) {
    set_threads(threads);
    run_all();
  }
  printf("%d operations\n", operations_run);
  return 0;
}
