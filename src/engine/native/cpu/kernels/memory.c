/* Memory: what operations borrow (scratch.h), and the first touch of what they are given. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "abi.h"
#include "scratch.h"

#define CACHE_LINE ((size_t)64)
/* Of x86, and of ARM with pages of 4 KiB. Where huge pages have another size this is an alignment like any other. */
#define HUGE_PAGE ((size_t)2 << 20)
/* The least that any system has. */
#define PAGE 4096

/* Tables of pages are read for every new page: a huge one is 512 times rarer. Most systems want to be asked. */
static void ask_for_huge_pages(void *memory, size_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(memory, bytes, MADV_HUGEPAGE); /* a wish; without it all goes on as before */
#else
  (void)memory, (void)bytes;
#endif
}

static _Atomic size_t missing;

size_t scratch_missing(void) { return atomic_exchange(&missing, 0); }

void *scratch_for(scratch_t *slot, size_t bytes) {
  if (slot->memory && bytes <= slot->bytes) return slot->memory;
  free(slot->memory);
  const size_t unit = bytes >= HUGE_FROM ? HUGE_PAGE : CACHE_LINE;
  const size_t units = bytes / unit + (bytes % unit != 0 || bytes == 0);
  slot->memory = units > SIZE_MAX / unit ? NULL : aligned_alloc(unit, units * unit);
  slot->bytes = slot->memory ? units * unit : 0;
  if (!slot->memory) atomic_store(&missing, bytes);
  else if (unit == HUGE_PAGE) ask_for_huge_pages(slot->memory, slot->bytes);
  return slot->memory;
}

float *thread_scratch(size_t floats) {
  static _Thread_local scratch_t own;
  return scratch_for(&own, floats * sizeof(float));
}

float *shared_scratch(size_t floats) {
  static scratch_t shared;
  return scratch_for(&shared, floats * sizeof(float));
}

/*
 * A write to every page, of what it holds already. An exchange, because a mere read would be given a page of zeros that all share, which
 * the next write has to replace, and compilers turn other ways of adding nothing into a read. Whole huge pages go to one thread: two that
 * touch the same at once both clear one.
 */
void touch_pages(char *memory, int64_t bytes) {
#pragma omp parallel for schedule(static, 1)
  for (int64_t from = 0; from < bytes; from += HUGE_PAGE)
    for (int64_t at = from; at < bytes && at < from + (int64_t)HUGE_PAGE; at += PAGE) {
      char nothing = 0;
      __atomic_compare_exchange_n(memory + at, &nothing, 0, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}
