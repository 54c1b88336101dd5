/*
 * What a compiled kernel and the emulator know of each other. Kernels see it through `prelude.h`; the emulator's sources include it too.
 * Names begin with `emulated_` because both sides are linked by name.
 */
#pragma once

#ifndef __VECTOR_TYPES_H__ /* the vendor's own, in the test that compiles with its headers */
struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
#endif

/* Where in the source something is called, for messages. */
struct emulated_site {
  const char *file;
  int line;
};

/* Does the work of a collective once every lane has come: `slots[lane]` is what that lane passed, `arrived` a bit for each lane there. */
typedef void (*emulated_complete)(void *const *slots, unsigned arrived);

struct emulated_parameter {
  unsigned bytes;
  bool pointer;
};

/* A `__global__` function. `max_threads` is that of its launch bounds, or 0. */
struct emulated_kernel {
  const char *name;
  void (*invoke)(void *const *parameters);
  int max_threads;
  int parameter_count;
  const emulated_parameter *parameters;
};

/* A compiled file: its kernels, its dynamic shared memory, the architecture that it was compiled for (such as 90). */
struct emulated_module {
  const emulated_kernel *kernels;
  int kernel_count;
  unsigned char *dynamic_shared;
  int architecture;
};

/* The most dynamic shared memory that a compiled file has room for. */
#define EMULATED_DYNAMIC_BYTES (256 << 10)

extern "C" {
extern uint3 emulated_thread_index, emulated_block_index;
extern dim3 emulated_block_size, emulated_grid_size;

/* Waits for every thread of the block; gives the number of them whose `predicate` is not zero. */
int emulated_barrier(emulated_site site, int predicate);
/* Waits for the lanes of `mask`, of which the last to come calls `complete`. */
void emulated_collective(emulated_site site, unsigned mask, emulated_complete complete, void *slot);
unsigned emulated_active_mask(void);
void emulated_trap(emulated_site site, const char *what);

void emulated_complete_sync(void *const *slots, unsigned arrived);
void emulated_complete_shuffle(void *const *slots, unsigned arrived);
void emulated_complete_vote(void *const *slots, unsigned arrived);
void emulated_complete_match(void *const *slots, unsigned arrived);
void emulated_complete_reduce(void *const *slots, unsigned arrived);
void emulated_complete_mma(void *const *slots, unsigned arrived);
void emulated_complete_ldmatrix(void *const *slots, unsigned arrived);

void emulated_start_copy(emulated_site site, void *shared, const void *global, unsigned bytes, bool valid);
void emulated_commit_copies(void);
void emulated_wait_copies(int pending);
}

/* What a lane passes: it reads the value of lane `source` of its warp. */
struct emulated_shuffle_slot {
  unsigned long long value, result;
  unsigned source;
};
/* `result`: a bit for every lane whose predicate is true. */
struct emulated_vote_slot {
  bool predicate;
  unsigned result;
};
struct emulated_match_slot {
  unsigned long long value;
  unsigned result;
};
struct emulated_reduce_slot {
  enum { ADD, MIN, MAX, MIN_SIGNED, MAX_SIGNED, AND, OR, XOR } operation;
  unsigned value, result;
};
/* d[4] += a[4]·b[2] in the fragments of mma.m16n8k16. */
struct emulated_mma_slot {
  float *d;
  const unsigned *a, *b;
};
struct emulated_ldmatrix_slot {
  unsigned *r;
  const void *row;
  int matrices;
  bool transposed;
};
