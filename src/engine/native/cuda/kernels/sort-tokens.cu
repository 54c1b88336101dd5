/*
 * Tokens sorted by (id, n), without atomics: chunks of 1024 by counting, then merged by binary searches in all other chunks. The lists are
 * small enough to stay in the second-level cache, and the vocabulary's size does not matter.
 */
#include "scalar.cuh"

#define CHUNK 1024

/* Each chunk of ids in order, and where its tokens were. A token's place is the number of tokens before it: smaller, or equal and earlier. */
extern "C" __global__ void __launch_bounds__(CHUNK) sort_chunks(int *sortedIds_N, int *sortedTokens_N, const int *__restrict__ ids_N, int N) {
  __shared__ __align__(16) int ids[CHUNK];
  const int first = blockIdx.x * CHUNK, token = first + threadIdx.x;
  const int id = token < N ? ids_N[token] : 0x7fffffff;
  ids[threadIdx.x] = id;
  __syncthreads();
  if (token >= N) return;
  int place = 0;
#pragma unroll 8
  for (int other = 0; other < CHUNK; other++) place += ids[other] < id || (ids[other] == id && other < (int)threadIdx.x);
  sortedIds_N[first + place] = id;
  sortedTokens_N[first + place] = token;
}

/* How many of `count` sorted ids are below `id`. */
__device__ inline int count_below(const int *ids, int count, int id) {
  int below = 0;
  while (count > 0) {
    const int half = count / 2;
    const bool right = ids[below + half] < id;
    below += right ? half + 1 : 0;
    count = right ? count - half - 1 : half;
  }
  return below;
}

/* All tokens by (id, n): those of earlier chunks with an equal id come before, those of later ones behind. */
extern "C" __global__ void __launch_bounds__(256)
    merge_chunks(int *orderedIds_N, int *orderedTokens_N, const int *__restrict__ sortedIds_N, const int *__restrict__ sortedTokens_N, int N) {
  const int at = blockIdx.x * 256 + threadIdx.x;
  if (at >= N) return;
  const int id = sortedIds_N[at], own = at / CHUNK;
  int place = at % CHUNK;
  for (int chunk = 0, first = 0; first < N; chunk++, first += CHUNK) {
    if (chunk == own) continue;
    place += count_below(sortedIds_N + first, N - first < CHUNK ? N - first : CHUNK, chunk < own ? id + 1 : id);
  }
  orderedIds_N[place] = id;
  orderedTokens_N[place] = sortedTokens_N[at];
}
