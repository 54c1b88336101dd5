/*
 * Memory that operations borrow while they run. A slot keeps its memory from one call to the next and grows to the largest size ever
 * asked for, so a step that is repeated allocates nothing. Contents are undefined.
 *
 * Kernels never end the process: without memory scratch_for gives NULL and remembers what was wanted. The kernel then gives up, whatever
 * it leaves in its outputs, but with every thread at the barriers where the others wait; run_program stops behind it and says so.
 */
#pragma once
#include <stddef.h>

/* Declared by whoever uses it, empty at first: `static` is one for all threads, `static _Thread_local` each thread's own. */
typedef struct {
  void *memory;
  size_t bytes;
} scratch_t;

/*
 * At least so many bytes for this slot, or NULL. Aligned to a cache line; from HUGE_FROM bytes on, aligned to and backed by huge pages
 * where the system has them. A slot of all threads is asked for outside of parallel regions.
 */
void *scratch_for(scratch_t *slot, size_t bytes);
/* Smaller memory would waste too much of a huge page. */
#define HUGE_FROM ((size_t)1 << 20)

/* Slots that operations share, since one runs at a time: the calling thread's own, and one for all. NULL as above. */
float *thread_scratch(size_t floats);
float *shared_scratch(size_t floats);

/* Bytes that a slot did not get since the last call; 0 when all went well. */
size_t scratch_missing(void);

/* Reductions over rows are cut into this many parts, whatever the number of threads, so that their order is fixed. */
#define ROW_PARTS 64
