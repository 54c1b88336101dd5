/*
 * Runs every operation that borrows memory while there is none to give, or only some: it must say how much it wanted, stop the program
 * there, and give what it always gives once there is memory again. The kernels' aligned_alloc is renamed to the one below. Prints how many
 * cases held; ends with 1 at the first that did not.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "abi.h"
#include "scratch.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define MAX_OUT 100000

/* Allocations from this one on fail. */
static atomic_int allocations, failing_from;

void *failing_aligned_alloc(size_t alignment, size_t bytes) {
  void *memory = NULL;
  if (atomic_fetch_add(&allocations, 1) >= failing_from || posix_memalign(&memory, alignment, bytes) != 0) return NULL;
  memset(memory, 0xff, bytes); /* NaN: what is not written must not be read */
  return memory;
}

typedef struct {
  const char *name;
  op_t op;
  int64_t out, in; /* floats of every output and of every input, at the most */
  int outputs, inputs;
} case_t;

/* Inputs stand behind the outputs; the last one may be starts of documents, all zero. */
static const case_t CASES[] = {
    {"rmsnorm backward", {.code = OP_RMSNORM_BACKWARD, .flags = 1, .n = {70, 33}}, 70 * 33, 70 * 33, 2, 4},
    {"bias backward", {.code = OP_ADD_BIAS_BACKWARD, .n = {70, 33}}, 33, 70 * 33, 1, 1},
    {"attention", {.code = OP_ATTENTION, .n = {2, 70, 2, 1, 8, 70}}, 140 * 16, 140 * 32, 2, 2},
    {"attention backward, few heads", {.code = OP_ATTENTION_BACKWARD, .n = {1, 70, 2, 1, 8, 70}}, 70 * 32, 70 * 32, 2, 5},
    {"attention backward, many heads", {.code = OP_ATTENTION_BACKWARD, .n = {4, 20, 16, 16, 4, 20}}, 80 * 192, 80 * 192, 2, 5},
    {"matmul", {.code = OP_MATMUL, .n = {90, 70, 80}}, 90 * 70, 90 * 80, 1, 2},
};

static void must(int holds, const char *name, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s: %s\n", name, what);
  _exit(1);
}

static float *numbers(int64_t count, int64_t salt) {
  float *x = malloc(count * sizeof(float));
  for (int64_t i = 0; i < count; i++) x[i] = (float)((i * 7919 + salt * 104729) % 1000) / 1000 - 0.5f;
  return x;
}

/* Runs the operation and one behind it, which writes 0 over 1. Gives what run_program says; first output in `out`. */
static int64_t outcome_of(const case_t *c, float *out, float *marker) {
  op_t ops[2] = {c->op, {.code = OP_ZERO, .n = {1}, .p = {marker}}};
  *marker = 1;
  for (int i = 0; i < c->outputs; i++) ops[0].p[i] = calloc(c->out, sizeof(float));
  for (int i = 0; i < c->inputs; i++) ops[0].p[c->outputs + i] = numbers(c->in, i);
  if (c->op.code == OP_ATTENTION || c->op.code == OP_ATTENTION_BACKWARD)
    memset(ops[0].p[c->outputs + c->inputs - 1], 0, c->in * sizeof(float));
  const int64_t outcome = run_program(ops, 2, NULL);
  memcpy(out, ops[0].p[0], c->out * sizeof(float));
  return outcome;
}

/* In a process of its own, since slots keep what they have. Gives 1 when an allocation failed. */
static int run_case(const case_t *c, int from) {
  static float refused[MAX_OUT], after[MAX_OUT], expected[MAX_OUT];
  float marker;
  set_threads(3);
  failing_from = from;
  const int64_t outcome = outcome_of(c, refused, &marker);
  const int failed = allocations > from;
  must(outcome == 0 || outcome < -32, c->name, "an outcome that is neither 0 nor bytes that were wanted");
  must((outcome < 0) == failed, c->name, "a failed allocation that the outcome does not tell");
  must(marker == (failed ? 1 : 0), c->name, "the program did not stop behind the operation, or stopped without need");
  failing_from = 1 << 30;
  must(outcome_of(c, after, &marker) == 0 && marker == 0, c->name, "a failure although there is memory again");
  must(outcome_of(c, expected, &marker) == 0, c->name, "a failure although there is memory");
  must(memcmp(after, expected, c->out * sizeof(float)) == 0, c->name, "other numbers after a failure");
  must(failed || memcmp(refused, expected, c->out * sizeof(float)) == 0, c->name, "other numbers at first");
  return failed;
}

static void slots(void) {
  static scratch_t slot;
  failing_from = 1 << 30;
  char *small = scratch_for(&slot, 100);
  must((uintptr_t)small % 64 == 0, "slots", "not aligned to a cache line");
  must(scratch_for(&slot, 1) == small && scratch_for(&slot, 128) == small, "slots", "memory that is large enough was not kept");
  char *large = scratch_for(&slot, HUGE_FROM + 1);
  must((uintptr_t)large % (2 << 20) == 0, "slots", "not aligned to a huge page");
  large[HUGE_FROM] = 1;
  must(scratch_missing() == 0, "slots", "something is missing");
  failing_from = 0;
  must(scratch_for(&slot, HUGE_FROM * 4) == NULL, "slots", "memory out of nothing");
  must(scratch_missing() == HUGE_FROM * 4, "slots", "other bytes than were wanted");
  must(scratch_missing() == 0, "slots", "told twice");
  failing_from = 1 << 30;
  must(scratch_for(&slot, SIZE_MAX) == NULL && scratch_missing() == SIZE_MAX, "slots", "a size that no memory has");
  must(scratch_for(&slot, 0) != NULL, "slots", "nothing for nothing");
}

static int status_of(const case_t *c, int from) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(run_case(c, from) ? 2 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void) {
  int held = 0;
  for (size_t i = 0; i < COUNT(CASES); i++) {
    int status = 2;
    /* The first allocation fails, then the second and those behind it, and so on until there are no more. */
    for (int from = 0; status == 2; from++, held++) {
      status = status_of(&CASES[i], from);
      must(status == 0 || status == 2, CASES[i].name, "ended");
      must(from > 0 || status == 2, CASES[i].name, "asked for no memory");
    }
  }
  slots();
  printf("%d cases\n", held + 1);
  return 0;
}
