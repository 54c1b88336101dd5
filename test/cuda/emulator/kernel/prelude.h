/*
 * CUDA's own words for kernels that g++ compiles: put before every kernel file by the stand-in of NVRTC, which also replaces `__global__`,
 * `__shared__` and `__launch_bounds__` in the text (`library/rewrite.cpp`).
 */
#pragma once

#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __builtin_assume(condition) ((void)0)
#define __builtin_align__(bytes) __attribute__((aligned(bytes)))

#define threadIdx emulated_thread_index
#define blockIdx emulated_block_index
#define blockDim emulated_block_size
#define gridDim emulated_grid_size
#define warpSize 32

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;

extern "C" int printf(const char *format, ...);
extern "C" void *memcpy(void *to, const void *from, size_t bytes);
extern "C" void *memset(void *to, int value, size_t bytes);

/* Vectors: the alignment is CUDA's, so that a misaligned access is seen. */
#define EMULATED_VECTORS(T, name, align2, align4)                                                                                    \
  struct __align__(align2) name##2 {                                                                                                  \
    T x, y;                                                                                                                           \
  };                                                                                                                                  \
  struct __align__(align4) name##4 {                                                                                                  \
    T x, y, z, w;                                                                                                                     \
  };                                                                                                                                  \
  __forceinline__ name##2 make_##name##2(T x, T y) { return {x, y}; }                                                                 \
  __forceinline__ name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

EMULATED_VECTORS(signed char, char, 2, 4)
EMULATED_VECTORS(unsigned char, uchar, 2, 4)
EMULATED_VECTORS(short, short, 4, 8)
EMULATED_VECTORS(unsigned short, ushort, 4, 8)
EMULATED_VECTORS(int, int, 8, 16)
EMULATED_VECTORS(unsigned, uint, 8, 16)
EMULATED_VECTORS(float, float, 8, 16)
EMULATED_VECTORS(long long, longlong, 16, 16)
EMULATED_VECTORS(unsigned long long, ulonglong, 16, 16)
EMULATED_VECTORS(double, double, 16, 16)
#undef EMULATED_VECTORS

struct int3 {
  int x, y, z;
};
struct float3 {
  float x, y, z;
};
__forceinline__ int3 make_int3(int x, int y, int z) { return {x, y, z}; }
__forceinline__ uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
__forceinline__ float3 make_float3(float x, float y, float z) { return {x, y, z}; }

/* Loads and stores with a cache hint. */
template <typename T> __forceinline__ T __ldg(const T *p) { return *p; }
template <typename T> __forceinline__ T __ldca(const T *p) { return *p; }
template <typename T> __forceinline__ T __ldcg(const T *p) { return *p; }
template <typename T> __forceinline__ T __ldcs(const T *p) { return *p; }
template <typename T> __forceinline__ T __ldlu(const T *p) { return *p; }
template <typename T> __forceinline__ T __ldcv(const T *p) { return *p; }
template <typename T> __forceinline__ void __stwb(T *p, T value) { *p = value; }
template <typename T> __forceinline__ void __stcg(T *p, T value) { *p = value; }
template <typename T> __forceinline__ void __stcs(T *p, T value) { *p = value; }
template <typename T> __forceinline__ void __stwt(T *p, T value) { *p = value; }

/* Blocks run one after the other, threads until they wait: every access is atomic. */
template <typename T, typename F> __forceinline__ T emulated_atomic(T *p, F change) {
  const T old = *p;
  *p = change(old);
  return old;
}
#define EMULATED_ATOMICS(T)                                                                                                          \
  __forceinline__ T atomicAdd(T *p, T v) { return emulated_atomic(p, [=](T old) { return static_cast<T>(old + v); }); }                            \
  __forceinline__ T atomicMax(T *p, T v) { return emulated_atomic(p, [=](T old) { return old > v ? old : v; }); }                     \
  __forceinline__ T atomicMin(T *p, T v) { return emulated_atomic(p, [=](T old) { return old < v ? old : v; }); }                     \
  __forceinline__ T atomicAnd(T *p, T v) { return emulated_atomic(p, [=](T old) { return static_cast<T>(old & v); }); }                            \
  __forceinline__ T atomicOr(T *p, T v) { return emulated_atomic(p, [=](T old) { return static_cast<T>(old | v); }); }                             \
  __forceinline__ T atomicXor(T *p, T v) { return emulated_atomic(p, [=](T old) { return static_cast<T>(old ^ v); }); }                            \
  __forceinline__ T atomicExch(T *p, T v) { return emulated_atomic(p, [=](T) { return v; }); }                                        \
  __forceinline__ T atomicCAS(T *p, T expected, T v) { return emulated_atomic(p, [=](T old) { return old == expected ? v : old; }); }
EMULATED_ATOMICS(int)
EMULATED_ATOMICS(unsigned)
EMULATED_ATOMICS(unsigned long long)
#undef EMULATED_ATOMICS
