/*
 * What TypeScript and C agree on: a program is an array of op_t, run in order by run_program. Each operation's meaning is in device.ts;
 * here is how its arguments lie in the struct. p: buffers in device.ts's order (absent: NULL). n: sizes. x: real numbers.
 */
#pragma once
#include <stdint.h>

typedef struct {
  int32_t code;
  int32_t flags;
  int64_t n[8];
  double x[2];
  void *p[8];
} op_t; /* 152 bytes */

enum {
  OP_ZERO = 1,         /* p: out                                   n: elements */
  OP_EMBED,            /* p: out, table, ids                       n: N, C */
  OP_EMBED_BACKWARD,   /* p: dTable, dOut, ids                     n: N, C, V */
  OP_RMSNORM,          /* p: out, rstd, residual, delta|0, weight  n: N, C        x: epsilon */
  OP_RMSNORM_BACKWARD, /* p: dX, dWeight, dOut, x, rstd, weight    n: N, C        flags: 1 overwrite dX */
  OP_MATMUL,           /* p: out, a, b, plus|0                     n: M, N, K (out is M x N)   flags: 1 transposeA, 2 transposeB */
  OP_ADD_BIAS,         /* p: out, bias                             n: N, C */
  OP_ADD_BIAS_BACKWARD,/* p: dBias, dOut                           n: N, C */
  OP_ADD,              /* p: out, x                                n: elements */
  OP_COPY,             /* p: out, x                                n: elements */
  OP_SLICE_COLUMNS,    /* p: out, x                                n: N, width of out, width of x, from */
  OP_PLACE_COLUMNS,    /* p: out, x                                n: N, width of out, width of x, from */
  OP_ROPE,             /* p: qkv, table, positions                 n: N, H, K, D  flags: 1 inverse */
  OP_ATTENTION,        /* p: out, lse, qkv, starts, cache|0, places|0   n: B, T, H, K, D, window (S when none), S (T without a cache) */
  OP_ATTENTION_BACKWARD, /* p: dQkv, scratch, dOut, out, lse, qkv, starts   n: B, T, H, K, D, window (T when none) */
  OP_SWIGLU,           /* p: out, gateUp                           n: N, F */
  OP_SWIGLU_BACKWARD,  /* p: dGateUp, dOut, gateUp                 n: N, F */
  OP_CROSS_ENTROPY,    /* p: loss, logits, targets, mask, scalars  n: N, Vp, V    flags: 1 gradient */
  OP_SQUARED_NORM,     /* p: out, x                                n: elements */
  OP_ADAMW,            /* p: weight, moment1, moment2, gradient, 0, scalars   n: elements, 0 or more   flags: 1 decays */
  OP_PLACE_ROWS,       /* p: out, x, rows                          n: N, width of out, width of x, from */
};

/* Indices into the scalars buffer, in the order of SCALARS in device.ts. */
enum {
  S_LOSS_SCALE,
  S_CLIP_SCALE,
  S_LEARNING_RATE,
  S_BETA1,
  S_BETA2,
  S_EPSILON,
  S_WEIGHT_DECAY,
  S_CORRECTION1,
  S_CORRECTION2,
  S_ONE_MINUS_BETA1,
  S_ONE_MINUS_BETA2
};

/* One function per operation, in the file of its family. All use OpenMP inside and give the same bits for any number of threads. */
void op_matmul(const op_t *op);                                             /* matmul.c */
void op_attention(const op_t *op);                                          /* attention.c */
void op_attention_backward(const op_t *op);
void op_zero(const op_t *op);                                               /* elementwise.c */
void op_add(const op_t *op);
void op_copy(const op_t *op);
void op_slice_columns(const op_t *op);
void op_place_columns(const op_t *op);
void op_place_rows(const op_t *op);
void op_add_bias(const op_t *op);
void op_add_bias_backward(const op_t *op);
void op_embed(const op_t *op);
void op_embed_backward(const op_t *op);
void op_rope(const op_t *op);
void op_swiglu(const op_t *op);
void op_swiglu_backward(const op_t *op);
void op_rmsnorm(const op_t *op);                                            /* rmsnorm.c */
void op_rmsnorm_backward(const op_t *op);
void op_cross_entropy(const op_t *op);                                      /* cross_entropy.c */
void op_squared_norm(const op_t *op);                                       /* optimizer.c */
void op_adamw(const op_t *op);

/*
 * program.c. Runs operations in order. Gives 0; or n > 0: the n-th operation, from 1, has an unknown code; or -n: an operation did not get
 * n bytes of scratch. It stops there, and what it has written is worth nothing. ms_by_code, if not NULL, gets each code's time.
 */
int64_t run_program(const op_t *ops, int32_t count, double *ms_by_code);
/* Has the system provide pages now, on all threads, so that no operation waits for them. Contents stay. */
void touch_memory(void *memory, int64_t bytes);
void touch_pages(char *memory, int64_t bytes);                              /* memory.c: the work of it, on the calling thread's team */
void set_threads(int32_t threads);
int32_t op_size(void);
