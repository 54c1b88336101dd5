/* Which keys a query sees; all places are places in the row. Starts never fall along a row, so neither does a query's first key. */
#pragma once

struct Sight {
  const int *starts; /* of the row: the place where each token's document starts */
  int T;
  int window; /* at least 1; T or more: no limit */
};

/* Whether there is a cache: known when a kernel is compiled, since what it takes to look there is registers that training needs. */
#ifndef CACHED
#define CACHED 0
#endif

/*
 * Rows of the batch's row that a block works on, as what is added to a place among its keys: to find a query, and to find a key. With a cache,
 * places[n] is the token of query n there, in rows of S, and `past` keys come before the first query.
 */
struct Rows {
  long long queries, keys;
  int past;
};

__device__ inline Rows rows_of(const int *places, int S, int T) {
  const long long row = static_cast<long long>(blockIdx.y) * T;
  if (!CACHED) return {row, row, 0};
  const long long place = places[row];
  const int past = static_cast<int>(place % S);
  return {row - past, place - past, past};
}

/* First key that the query sees; a token sees itself, whatever the starts say. */
__device__ inline int first_key(int start, int query, int window) {
  const int reach = query - window + 1;
  const int first = start > reach ? start : reach;
  return first < 0 ? 0 : first > query ? query : first;
}

__device__ inline int first_key(const Sight &sight, int query) { return first_key(sight.starts[query], query, sight.window); }

/* Blocks of `size` queries from `key` on, up to the last one that holds a query which sees a key before `end`. */
__device__ inline int query_blocks(const Sight &sight, int key, int end, int size) {
  int low = 0, high = (sight.T - key + size - 1) / size;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (first_key(sight, key + middle * size) < end)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}
