/* CUDA's mathematical functions. The fast ones (`__expf`, ...) are the C library's here: closer to the truth than on a card. */
#pragma once

#define EMULATED_MATH_1(name)                                                                                                        \
  __forceinline__ float name##f(float x) { return __builtin_##name##f(x); }                                                           \
  __forceinline__ float name(float x) { return __builtin_##name##f(x); }                                                              \
  __forceinline__ double name(double x) { return __builtin_##name(x); }
#define EMULATED_MATH_2(name)                                                                                                        \
  __forceinline__ float name##f(float x, float y) { return __builtin_##name##f(x, y); }                                               \
  __forceinline__ float name(float x, float y) { return __builtin_##name##f(x, y); }                                                  \
  __forceinline__ double name(double x, double y) { return __builtin_##name(x, y); }
EMULATED_MATH_1(exp)
EMULATED_MATH_1(exp2)
EMULATED_MATH_1(expm1)
EMULATED_MATH_1(log)
EMULATED_MATH_1(log2)
EMULATED_MATH_1(log10)
EMULATED_MATH_1(log1p)
EMULATED_MATH_1(sqrt)
EMULATED_MATH_1(cbrt)
EMULATED_MATH_1(sin)
EMULATED_MATH_1(cos)
EMULATED_MATH_1(tan)
EMULATED_MATH_1(tanh)
EMULATED_MATH_1(erf)
EMULATED_MATH_1(fabs)
EMULATED_MATH_1(floor)
EMULATED_MATH_1(ceil)
EMULATED_MATH_1(rint)
EMULATED_MATH_1(round)
EMULATED_MATH_1(trunc)
EMULATED_MATH_2(pow)
EMULATED_MATH_2(fmod)
EMULATED_MATH_2(fmax)
EMULATED_MATH_2(fmin)
EMULATED_MATH_2(copysign)
#undef EMULATED_MATH_1
#undef EMULATED_MATH_2

__forceinline__ float fmaf(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
__forceinline__ double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }
__forceinline__ float ldexpf(float x, int n) { return __builtin_ldexpf(x, n); }
__forceinline__ float rsqrtf(float x) { return 1.0f / __builtin_sqrtf(x); }
__forceinline__ double rsqrt(double x) { return 1.0 / __builtin_sqrt(x); }
__forceinline__ float exp10f(float x) { return __builtin_powf(10.0f, x); }
__forceinline__ void sincosf(float x, float *sine, float *cosine) { *sine = __builtin_sinf(x), *cosine = __builtin_cosf(x); }
__forceinline__ bool isnan(float x) { return __builtin_isnan(x); }
__forceinline__ bool isinf(float x) { return __builtin_isinf(x) != 0; }
__forceinline__ bool isfinite(float x) { return __builtin_isfinite(x); }
__forceinline__ int abs(int x) { return x < 0 ? -x : x; }

__forceinline__ float __expf(float x) { return __builtin_expf(x); }
__forceinline__ float __exp10f(float x) { return exp10f(x); }
__forceinline__ float __logf(float x) { return __builtin_logf(x); }
__forceinline__ float __log2f(float x) { return __builtin_log2f(x); }
__forceinline__ float __log10f(float x) { return __builtin_log10f(x); }
__forceinline__ float __sinf(float x) { return __builtin_sinf(x); }
__forceinline__ float __cosf(float x) { return __builtin_cosf(x); }
__forceinline__ float __tanhf(float x) { return __builtin_tanhf(x); }
__forceinline__ void __sincosf(float x, float *sine, float *cosine) { sincosf(x, sine, cosine); }
__forceinline__ float __powf(float x, float y) { return __builtin_powf(x, y); }
__forceinline__ float __fdividef(float x, float y) { return x / y; }
__forceinline__ float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }

/* These may not be joined with another operation: the empty assembly hides where the value comes from. */
#if defined(__x86_64__)
#define EMULATED_ALONE(value) __asm__("" : "+x"(value))
#elif defined(__aarch64__)
#define EMULATED_ALONE(value) __asm__("" : "+w"(value))
#else
#define EMULATED_ALONE(value) __asm__("" : "+m"(value))
#endif
#define EMULATED_EXACT(name, expression)                                                                                             \
  __forceinline__ float name(float x, float y) {                                                                                      \
    float result = expression;                                                                                                        \
    EMULATED_ALONE(result);                                                                                                           \
    return result;                                                                                                                    \
  }
EMULATED_EXACT(__fadd_rn, x + y)
EMULATED_EXACT(__fsub_rn, x - y)
EMULATED_EXACT(__fmul_rn, x *y)
EMULATED_EXACT(__fdiv_rn, x / y)
#undef EMULATED_EXACT
__forceinline__ float __fmaf_rn(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
__forceinline__ float __frcp_rn(float x) { return 1.0f / x; }
__forceinline__ float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }
__forceinline__ float __frsqrt_rn(float x) { return rsqrtf(x); }

#define EMULATED_MIN_MAX(T)                                                                                                          \
  __forceinline__ T min(T x, T y) { return x < y ? x : y; }                                                                           \
  __forceinline__ T max(T x, T y) { return x > y ? x : y; }
EMULATED_MIN_MAX(int)
EMULATED_MIN_MAX(unsigned)
EMULATED_MIN_MAX(long)
EMULATED_MIN_MAX(unsigned long)
EMULATED_MIN_MAX(long long)
EMULATED_MIN_MAX(unsigned long long)
#undef EMULATED_MIN_MAX
__forceinline__ unsigned min(int x, unsigned y) { return min(unsigned(x), y); }
__forceinline__ unsigned min(unsigned x, int y) { return min(x, unsigned(y)); }
__forceinline__ unsigned max(int x, unsigned y) { return max(unsigned(x), y); }
__forceinline__ unsigned max(unsigned x, int y) { return max(x, unsigned(y)); }
/* Of a number and a NaN, the number. */
__forceinline__ float min(float x, float y) { return __builtin_fminf(x, y); }
__forceinline__ float max(float x, float y) { return __builtin_fmaxf(x, y); }
__forceinline__ double min(double x, double y) { return __builtin_fmin(x, y); }
__forceinline__ double max(double x, double y) { return __builtin_fmax(x, y); }

template <typename To, typename From> __forceinline__ To emulated_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits of another size");
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
__forceinline__ unsigned __float_as_uint(float x) { return emulated_bits<unsigned>(x); }
__forceinline__ int __float_as_int(float x) { return emulated_bits<int>(x); }
__forceinline__ float __uint_as_float(unsigned x) { return emulated_bits<float>(x); }
__forceinline__ float __int_as_float(int x) { return emulated_bits<float>(x); }
__forceinline__ long long __double_as_longlong(double x) { return emulated_bits<long long>(x); }
__forceinline__ double __longlong_as_double(long long x) { return emulated_bits<double>(x); }

/* A card saturates and makes NaN zero; x86's conversion would be undefined there. */
template <typename To> __forceinline__ To emulated_rounded(float x, double low, double high) {
  const double whole = __builtin_rint(x);
  return x != x ? To(0) : whole < low ? To(low) : whole > high ? To(high) : To(whole);
}
__forceinline__ int __float2int_rn(float x) { return emulated_rounded<int>(x, -2147483648.0, 2147483647.0); }
__forceinline__ unsigned __float2uint_rn(float x) { return emulated_rounded<unsigned>(x, 0.0, 4294967295.0); }
__forceinline__ int __float2int_rz(float x) { return __float2int_rn(__builtin_truncf(x)); }
__forceinline__ int __float2int_rd(float x) { return __float2int_rn(__builtin_floorf(x)); }
__forceinline__ int __float2int_ru(float x) { return __float2int_rn(__builtin_ceilf(x)); }
__forceinline__ unsigned __float2uint_rz(float x) { return __float2uint_rn(__builtin_truncf(x)); }
__forceinline__ float __int2float_rn(int x) { return float(x); }
__forceinline__ float __uint2float_rn(unsigned x) { return float(x); }
__forceinline__ float __double2float_rn(double x) { return float(x); }

__forceinline__ int __popc(unsigned x) { return __builtin_popcount(x); }
__forceinline__ int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
__forceinline__ int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
__forceinline__ int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll((unsigned long long)x); }
__forceinline__ int __ffs(int x) { return __builtin_ffs(x); }
__forceinline__ int __ffsll(long long x) { return __builtin_ffsll(x); }
__forceinline__ unsigned __umulhi(unsigned x, unsigned y) { return unsigned((unsigned long long)x * y >> 32); }
__forceinline__ int __mulhi(int x, int y) { return int((long long)x * y >> 32); }
__forceinline__ unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return (unsigned long long)((unsigned __int128)x * y >> 64);
}
__forceinline__ unsigned __brev(unsigned x) {
  unsigned result = 0;
  for (int i = 0; i < 32; i++) result |= (x >> i & 1u) << (31 - i);
  return result;
}
__forceinline__ unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned((((unsigned long long)high << 32 | low) << (shift & 31)) >> 32);
}
__forceinline__ unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned(((unsigned long long)high << 32 | low) >> (shift & 31));
}
/* Byte i of the result is the byte of (y, x) that nibble i of the selector names; its top bit spreads that byte's sign. */
__forceinline__ unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const unsigned long long bytes = (unsigned long long)y << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; i++) {
    const unsigned nibble = selector >> 4 * i & 15, byte = unsigned(bytes >> 8 * (nibble & 7)) & 255;
    result |= ((nibble & 8) ? ((byte & 128) ? 255u : 0u) : byte) << 8 * i;
  }
  return result;
}
