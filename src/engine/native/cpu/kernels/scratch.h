/*
 * Memory that operations borrow while they run. It is kept from one call to the next and grows to the largest size ever asked for, so a
 * step repeated allocates nothing. Contents are undefined. Aligned to cache lines. Out of memory, the process ends
 * with a line.
 */
#pragma once
#include <stddef.h>

/* The calling thread's own; the next call of the same thread hands out the same memory. */
float *thread_scratch(size_t floats);
/* One for all; ask outside of parallel regions, one operation at a time. */
float *shared_scratch(size_t floats);

/* Reductions over rows are cut into this many parts, whatever the number of threads, so that their order is fixed. */
#define ROW_PARTS 64
