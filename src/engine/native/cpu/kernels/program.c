/* Runs recorded programs, and owns what their operations share: the number of threads and the scratch memory. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
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
  int32_t failed;
} program_t;

static void run_all(void *argument) {
  program_t *program = argument;
  if (thread_count > 0) omp_set_num_threads(thread_count);
  for (int32_t i = 0; i < program->count; i++) {
    const op_t *op = &program->ops[i];
    if (op->code < 1 || op->code >= CODES || !OPERATIONS[op->code]) {
      program->failed = i + 1;
      return;
    }
    const double start = program->ms_by_code ? omp_get_wtime() : 0;
    OPERATIONS[op->code](op);
    if (program->ms_by_code) program->ms_by_code[op->code] += (omp_get_wtime() - start) * 1e3;
  }
}

/* ms_by_code has an element for each code, from 0. */
int32_t run_program(const op_t *ops, int32_t count, double *ms_by_code) {
  program_t program = {ops, count, ms_by_code, 0};
  on_kernel_thread(run_all, &program);
  return program.failed;
}

typedef struct {
  float *memory;
  size_t floats;
} scratch_t;

static float *grown(scratch_t *scratch, size_t floats) {
  if (floats <= scratch->floats) return scratch->memory;
  free(scratch->memory);
  const size_t lines = (floats * sizeof(float) + 63) / 64;
  scratch->memory = aligned_alloc(64, lines * 64);
  scratch->floats = floats;
  if (scratch->memory) return scratch->memory;
  fprintf(stderr, "out of memory: %zu bytes of scratch for an operation\n", lines * 64);
  abort();
}

float *thread_scratch(size_t floats) {
  static _Thread_local scratch_t own;
  return grown(&own, floats);
}

float *shared_scratch(size_t floats) {
  static scratch_t shared;
  return grown(&shared, floats);
}
