/*
 * What all kernels share: storage types, accesses of up to 16 bytes, reductions in one fixed order, random bits from counters.
 * Values are stored as `float` or `bf16` and computed with as float. Nothing here includes a header: NVRTC, nvcc and the emulator's
 * compiler (EMULATED) all have the CUDA built-ins that are used.
 */
#pragma once

#define ALL_LANES 0xffffffffu

/* Sign, 8 bits of exponent and 7 of mantissa: the upper half of a float. */
struct bf16 {
  unsigned short bits;
};

__device__ inline float float_of_bits(unsigned bits) { return __uint_as_float(bits); }
__device__ inline unsigned bits_of_float(float value) { return __float_as_uint(value); }
__device__ inline bool is_nan(float value) { return value != value; }

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(bf16 value) { return float_of_bits(unsigned(value.bits) << 16); }

/* Two floats rounded to nearest, ties to even, as the halves of a word; every NaN becomes 0x7fff, as the cards' own conversion has it. */
__device__ inline unsigned round_pair(float low, float high) {
#ifdef EMULATED
  const float both[2] = {low, high};
  unsigned word = 0;
  for (int i = 0; i < 2; i++) {
    const unsigned bits = bits_of_float(both[i]);
    word |= (is_nan(both[i]) ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16) << 16 * i;
  }
  return word;
#else
  unsigned word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#endif
}

template <typename T> __device__ inline T from_float(float value);
template <> __device__ inline float from_float<float>(float value) { return value; }
template <> __device__ inline bf16 from_float<bf16>(float value) {
  return bf16{(unsigned short)round_pair(value, 0.0f)};
}

/* The value as it will be read again. */
template <typename T> __device__ inline float rounded(float value) { return to_float(from_float<T>(value)); }

/* 2, 4, 8 or a multiple of 16 bytes that lie together, as words; addresses are multiples of as many, at most of 16. */
template <int bytes> struct Words {
  unsigned words[bytes < 4 ? 1 : bytes / 4];

  __device__ inline void load(const void *from) {
    if constexpr (bytes == 2) words[0] = *static_cast<const unsigned short *>(from);
    else if constexpr (bytes == 4) words[0] = *static_cast<const unsigned *>(from);
    else if constexpr (bytes == 8) {
      const uint2 two = *static_cast<const uint2 *>(from);
      words[0] = two.x, words[1] = two.y;
    } else {
#pragma unroll
      for (int i = 0; i < bytes / 4; i += 4) {
        const uint4 four = static_cast<const uint4 *>(from)[i / 4];
        words[i] = four.x, words[i + 1] = four.y, words[i + 2] = four.z, words[i + 3] = four.w;
      }
    }
  }

  __device__ inline void store(void *to) const {
    if constexpr (bytes == 2) *static_cast<unsigned short *>(to) = (unsigned short)words[0];
    else if constexpr (bytes == 4) *static_cast<unsigned *>(to) = words[0];
    else if constexpr (bytes == 8) *static_cast<uint2 *>(to) = make_uint2(words[0], words[1]);
    else {
#pragma unroll
      for (int i = 0; i < bytes / 4; i += 4) static_cast<uint4 *>(to)[i / 4] = make_uint4(words[i], words[i + 1], words[i + 2], words[i + 3]);
    }
  }
};

/* Some values that lie together (16 bytes of them unless said otherwise), in memory as T and in registers as float. */
template <typename T, int count = 16 / int(sizeof(T))> struct Pack {
  float values[count];

  __device__ inline void load(const T *from) {
    Words<count * int(sizeof(T))> raw;
    raw.load(from);
#pragma unroll
    for (int i = 0; i < count; i++) {
      if constexpr (sizeof(T) == 4) values[i] = float_of_bits(raw.words[i]);
      else values[i] = float_of_bits(i % 2 == 0 ? raw.words[i / 2] << 16 : raw.words[i / 2] & 0xffff0000u);
    }
  }

  /* Rounds to nearest. */
  __device__ inline void store(T *to) const {
    Words<count * int(sizeof(T))> raw;
    if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (int i = 0; i < count; i++) raw.words[i] = bits_of_float(values[i]);
    } else if constexpr (count == 1) {
      raw.words[0] = round_pair(values[0], 0.0f);
    } else {
#pragma unroll
      for (int i = 0; i < count; i += 2) raw.words[i / 2] = round_pair(values[i], values[i + 1]);
    }
    raw.store(to);
  }

  __device__ inline void fill(float value) {
#pragma unroll
    for (int i = 0; i < count; i++) values[i] = value;
  }
};

/*
 * Sum, or greatest, over the threads of a team (a power of two) that share a row; each of them gets it. Teams of up to a warp lie side by
 * side in their warps; a larger team is the whole block. All threads of the block call it, with as many calls each.
 */
template <int team> __device__ inline float team_sum(float value) {
#pragma unroll
  for (int offset = (team < 32 ? team : 32) / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(ALL_LANES, value, offset);
  if constexpr (team > 32) {
    __shared__ float sums[team / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
    __syncthreads();
    value = sums[0];
#pragma unroll
    for (int warp = 1; warp < team / 32; warp++) value += sums[warp];
  }
  return value;
}

template <int team> __device__ inline float team_max(float value) {
#pragma unroll
  for (int offset = (team < 32 ? team : 32) / 2; offset > 0; offset /= 2) value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, offset));
  if constexpr (team > 32) {
    __shared__ float greatest[team / 32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) greatest[threadIdx.x / 32] = value;
    __syncthreads();
    value = greatest[0];
#pragma unroll
    for (int warp = 1; warp < team / 32; warp++) value = fmaxf(value, greatest[warp]);
  }
  return value;
}

/* 1 / (1 + exp(−x)). */
__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/*
 * Four random words from a counter of 128 bits and a key of 64: Philox-4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw, SC 2011), the
 * generator of `src/base/random.ts`. The counter is overwritten by the words.
 */
__device__ inline void philox(unsigned counter[4], unsigned key0, unsigned key1) {
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const unsigned long long product0 = 0xd2511f53ull * counter[0], product1 = 0xcd9e8d57ull * counter[2];
    counter[0] = unsigned(product1 >> 32) ^ counter[1] ^ key0;
    counter[2] = unsigned(product0 >> 32) ^ counter[3] ^ key1;
    counter[1] = unsigned(product1);
    counter[3] = unsigned(product0);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
}

/* Rounds up with the probability that makes the mean right, from 16 random bits; exact values stay. */
__device__ inline float rounded_stochastically(float value, unsigned bits16) {
  if (is_nan(value)) return value;
  return float_of_bits((bits_of_float(value) + (bits16 & 0xffffu)) & 0xffff0000u);
}
