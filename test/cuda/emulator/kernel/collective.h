/* Barriers, shuffles, votes, tensor-core fragments and asynchronous copies, forwarded to the emulator with the place of the call. */
#pragma once

#define EMULATED_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define EMULATED_SITE                                                                                                                \
  emulated_site { file, line }

__forceinline__ void __syncthreads(EMULATED_HERE) { emulated_barrier(EMULATED_SITE, 0); }
__forceinline__ int __syncthreads_count(int predicate, EMULATED_HERE) { return emulated_barrier(EMULATED_SITE, predicate); }
__forceinline__ int __syncthreads_or(int predicate, EMULATED_HERE) { return emulated_barrier(EMULATED_SITE, predicate) != 0; }
__forceinline__ int __syncthreads_and(int predicate, EMULATED_HERE) { return emulated_barrier(EMULATED_SITE, !predicate) == 0; }
__forceinline__ void __syncwarp(unsigned mask = 0xffffffffu, EMULATED_HERE) {
  emulated_collective(EMULATED_SITE, mask, emulated_complete_sync, nullptr);
}
__forceinline__ void __threadfence() { __asm__ volatile("" ::: "memory"); }
__forceinline__ void __threadfence_block() { __asm__ volatile("" ::: "memory"); }
__forceinline__ void __threadfence_system() { __asm__ volatile("" ::: "memory"); }
__forceinline__ void __nanosleep(unsigned) {}
__forceinline__ unsigned __activemask() { return emulated_active_mask(); }
__forceinline__ void __trap(EMULATED_HERE) { emulated_trap(EMULATED_SITE, "trap"); }
#define assert(condition) ((condition) ? (void)0 : emulated_trap(emulated_site{__FILE__, __LINE__}, "assertion " #condition))

__forceinline__ unsigned emulated_lane() {
  const unsigned y = threadIdx.y + blockDim.y * threadIdx.z;
  return (threadIdx.x + blockDim.x * y) & 31u;
}

template <typename T> T emulated_shuffle(emulated_site site, unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles take 4 or 8 bytes");
  emulated_shuffle_slot slot = {0, 0, source};
  __builtin_memcpy(&slot.value, &value, sizeof value);
  emulated_collective(site, mask, emulated_complete_shuffle, &slot);
  __builtin_memcpy(&value, &slot.result, sizeof value);
  return value;
}

/* The lanes that are read follow the PTX manual's shfl.sync; one outside the segment gives the lane's own value. */
template <typename T> __forceinline__ T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATED_HERE) {
  const unsigned segment = emulated_lane() & ~unsigned(width - 1);
  return emulated_shuffle(EMULATED_SITE, mask, value, segment | (unsigned(source) & unsigned(width - 1)));
}
template <typename T> __forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_HERE) {
  const unsigned lane = emulated_lane(), first = lane & ~unsigned(width - 1);
  return emulated_shuffle(EMULATED_SITE, mask, value, int(lane - delta) >= int(first) ? lane - delta : lane);
}
template <typename T> __forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMULATED_HERE) {
  const unsigned lane = emulated_lane(), last = lane | unsigned(width - 1);
  return emulated_shuffle(EMULATED_SITE, mask, value, lane + delta <= last ? lane + delta : lane);
}
template <typename T> __forceinline__ T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32, EMULATED_HERE) {
  const unsigned lane = emulated_lane(), last = lane | unsigned(width - 1), other = lane ^ unsigned(flip);
  return emulated_shuffle(EMULATED_SITE, mask, value, other <= last ? other : lane);
}

inline unsigned emulated_vote(emulated_site site, unsigned mask, bool predicate) {
  emulated_vote_slot slot = {predicate, 0};
  emulated_collective(site, mask, emulated_complete_vote, &slot);
  return slot.result;
}
__forceinline__ unsigned __ballot_sync(unsigned mask, int predicate, EMULATED_HERE) {
  return emulated_vote(EMULATED_SITE, mask, predicate != 0);
}
__forceinline__ int __any_sync(unsigned mask, int predicate, EMULATED_HERE) {
  return emulated_vote(EMULATED_SITE, mask, predicate != 0) != 0;
}
__forceinline__ int __all_sync(unsigned mask, int predicate, EMULATED_HERE) {
  return emulated_vote(EMULATED_SITE, mask, predicate == 0) == 0;
}
template <typename T> __forceinline__ unsigned __match_any_sync(unsigned mask, T value, EMULATED_HERE) {
  emulated_match_slot slot = {0, 0};
  __builtin_memcpy(&slot.value, &value, sizeof value);
  emulated_collective(EMULATED_SITE, mask, emulated_complete_match, &slot);
  return slot.result;
}

inline unsigned emulated_reduce(emulated_site site, unsigned mask, unsigned value, decltype(emulated_reduce_slot::operation) operation) {
  emulated_reduce_slot slot = {operation, value, 0};
  emulated_collective(site, mask, emulated_complete_reduce, &slot);
  return slot.result;
}
#define EMULATED_REDUCE(name, T, operation)                                                                                          \
  __forceinline__ T name(unsigned mask, T value, EMULATED_HERE) {                                                                     \
    return T(emulated_reduce(EMULATED_SITE, mask, unsigned(value), emulated_reduce_slot::operation));                                 \
  }
EMULATED_REDUCE(__reduce_add_sync, unsigned, ADD)
EMULATED_REDUCE(__reduce_add_sync, int, ADD)
EMULATED_REDUCE(__reduce_min_sync, unsigned, MIN)
EMULATED_REDUCE(__reduce_min_sync, int, MIN_SIGNED)
EMULATED_REDUCE(__reduce_max_sync, unsigned, MAX)
EMULATED_REDUCE(__reduce_max_sync, int, MAX_SIGNED)
EMULATED_REDUCE(__reduce_and_sync, unsigned, AND)
EMULATED_REDUCE(__reduce_or_sync, unsigned, OR)
EMULATED_REDUCE(__reduce_xor_sync, unsigned, XOR)
#undef EMULATED_REDUCE

/* d += a·b of a 16x16 and a 16x8 matrix of bf16; every lane of the warp calls it with its fragments. */
inline void emulated_mma_bf16_16x8x16(float d[4], const unsigned a[4], const unsigned b[2], EMULATED_HERE) {
  emulated_mma_slot slot = {d, a, b};
  emulated_collective(EMULATED_SITE, 0xffffffffu, emulated_complete_mma, &slot);
}
/* Lane l gives row l % 8 of matrix l / 8: 16 aligned bytes of shared memory. */
inline void emulated_ldmatrix_x4(unsigned r[4], const void *row, EMULATED_HERE) {
  emulated_ldmatrix_slot slot = {r, row, 4, false};
  emulated_collective(EMULATED_SITE, 0xffffffffu, emulated_complete_ldmatrix, &slot);
}
inline void emulated_ldmatrix_x4_trans(unsigned r[4], const void *row, EMULATED_HERE) {
  emulated_ldmatrix_slot slot = {r, row, 4, true};
  emulated_collective(EMULATED_SITE, 0xffffffffu, emulated_complete_ldmatrix, &slot);
}
inline void emulated_ldmatrix_x2(unsigned r[2], const void *row, EMULATED_HERE) {
  emulated_ldmatrix_slot slot = {r, row, 2, false};
  emulated_collective(EMULATED_SITE, 0xffffffffu, emulated_complete_ldmatrix, &slot);
}
inline void emulated_ldmatrix_x2_trans(unsigned r[2], const void *row, EMULATED_HERE) {
  emulated_ldmatrix_slot slot = {r, row, 2, true};
  emulated_collective(EMULATED_SITE, 0xffffffffu, emulated_complete_ldmatrix, &slot);
}

/* The bytes come when they are waited for, not before; until then the destination holds NaN. */
inline void emulated_copy_async_16(void *to, const void *from, bool valid = true, EMULATED_HERE) {
  emulated_start_copy(EMULATED_SITE, to, from, 16, valid);
}
inline void emulated_copy_async_8(void *to, const void *from, bool valid = true, EMULATED_HERE) {
  emulated_start_copy(EMULATED_SITE, to, from, 8, valid);
}
inline void emulated_copy_async_4(void *to, const void *from, bool valid = true, EMULATED_HERE) {
  emulated_start_copy(EMULATED_SITE, to, from, 4, valid);
}
inline void emulated_copy_async_commit() { emulated_commit_copies(); }
inline void emulated_copy_async_wait(int pending) { emulated_wait_copies(pending); }
template <int pending> inline void emulated_copy_async_wait() { emulated_wait_copies(pending); }
