/* Runs recorded programs on the kernel thread, with the number of threads that was asked for. */
#include <omp.h>
#include <stddef.h>
#include "abi.h"
#include "kernel_thread.h"
#include "scratch.h"

static void (*const OPERATIONS[])(const op_t *) = {
    [OP_ZERO] = op_zero,
    [OP_EMBED] = op_embed,
    [OP_EMBED_BACKWARD] = op_embed_backward,
    [OP_RMSNORM] = op_rmsnorm,
    [OP_RMSNORM_BACKWARD] = op_rmsnorm_backward,
    [OP_MATMUL] = op_matmul,
    [OP_ADD_BIAS] = op_add_bias,
    [OP_ADD_BIAS_BACKWARD] = op_add_bias_backward,
    [OP_ADD] = op_add,
    [OP_COPY] = op_copy,
    [OP_SLICE_COLUMNS] = op_slice_columns,
    [OP_PLACE_COLUMNS] = op_place_columns,
    [OP_ROPE] = op_rope,
    [OP_ATTENTION] = op_attention,
    [OP_ATTENTION_BACKWARD] = op_attention_backward,
    [OP_SWIGLU] = op_swiglu,
    [OP_SWIGLU_BACKWARD] = op_swiglu_backward,
    [OP_CROSS_ENTROPY] = op_cross_entropy,
    [OP_SQUARED_NORM] = op_squared_norm,
    [OP_ADAMW] = op_adamw,
    [OP_PLACE_ROWS] = op_place_rows,
};
#define CODES ((int32_t)(sizeof OPERATIONS / sizeof OPERATIONS[0]))

/* 0: as OpenMP likes. OpenMP keeps the number per calling thread, so it is set on the thread that runs the programs. */
static int32_t thread_count = 0;

void set_threads(int32_t threads) { thread_count = threads; }

int32_t op_size(void) { return sizeof(op_t); }

typedef struct {
  const op_t *ops;
  int32_t count;
  double *ms_by_code;
  int64_t outcome;
} program_t;

static void use_threads(void) {
  if (thread_count > 0) omp_set_num_threads(thread_count);
}

/* 0, or as run_program. */
static int64_t run_operation(const op_t *op, int32_t number) {
  if (op->code < 1 || op->code >= CODES || !OPERATIONS[op->code]) return number;
  OPERATIONS[op->code](op);
  return -(int64_t)scratch_missing();
}

static void run_all(void *argument) {
  program_t *program = argument;
  use_threads();
  for (int32_t i = 0; i < program->count && program->outcome == 0; i++) {
    const op_t *op = &program->ops[i];
    const double start = program->ms_by_code ? omp_get_wtime() : 0;
    program->outcome = run_operation(op, i + 1);
    if (program->ms_by_code && program->outcome == 0) program->ms_by_code[op->code] += (omp_get_wtime() - start) * 1e3;
  }
}

int64_t run_program(const op_t *ops, int32_t count, double *ms_by_code) {
  program_t program = {ops, count, ms_by_code, 0};
  on_kernel_thread(run_all, &program);
  return program.outcome;
}

typedef struct {
  char *memory;
  int64_t bytes;
} range_t;

static void touch_all(void *argument) {
  const range_t *range = argument;
  use_threads();
  touch_pages(range->memory, range->bytes);
}

void touch_memory(void *memory, int64_t bytes) { on_kernel_thread(touch_all, &(range_t){memory, bytes}); }
