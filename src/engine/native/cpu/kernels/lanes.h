/* Walking over a range by vectors: the last one may be a part. */
#pragma once
#include "vector.h"

/* Values below which waking other threads costs more than it brings. */
#define PARALLEL_FROM 16384

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Lanes of the vector at `at` that lie before `end`. */
INLINE int lanes_left(int64_t at, int64_t end) { return end - at < VL ? (int)(end - at) : VL; }

/* As vf_load_part and vf_store_part, for lanes that are nearly always all there. */
INLINE vf vf_load_lanes(const float *from, int lanes) { return lanes == VL ? vf_load(from) : vf_load_part(from, lanes); }
INLINE void vf_store_lanes(float *to, vf v, int lanes) {
  if (lanes == VL) vf_store(to, v);
  else vf_store_part(to, v, lanes);
}
