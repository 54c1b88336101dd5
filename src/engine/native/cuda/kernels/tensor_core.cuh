/*
 * The instructions of the tensor cores and their shared memory, compute capability 8.0 and later. Names and layouts of fragments as in the
 * PTX manual ("Matrix Fragments for mma.m16n8k16", ldmatrix, cp.async); every lane of the warp takes part in mma and ldmatrix.
 * Under EMULATED the same names forward to the emulator.
 *
 * With g = lane / 4 and t = lane % 4, a lane holds of
 *   a[16, 16] (rows):     a[0] = a[g, 2t..2t+1], a[1] = a[g+8, 2t..], a[2] = a[g, 2t+8..], a[3] = a[g+8, 2t+8..]
 *   b[16, 8] (columns):   b[0] = b[2t..2t+1, g], b[1] = b[2t+8.., g]
 *   d[16, 8]:             d[0], d[1] = d[g, 2t..2t+1], d[2], d[3] = d[g+8, 2t..2t+1]
 */
#pragma once

#ifdef EMULATED

__device__ inline void mma_bf16_16x8x16(float d[4], const unsigned a[4], const unsigned b[2]) { emulated_mma_bf16_16x8x16(d, a, b); }
__device__ inline void ldmatrix_x4(unsigned r[4], const void *row) { emulated_ldmatrix_x4(r, row); }
__device__ inline void ldmatrix_x4_trans(unsigned r[4], const void *row) { emulated_ldmatrix_x4_trans(r, row); }
__device__ inline void copy_async_16(void *shared, const void *global, bool valid) { emulated_copy_async_16(shared, global, valid); }
__device__ inline void copy_async_4(void *shared, const void *global, bool valid) { emulated_copy_async_4(shared, global, valid); }
__device__ inline void copy_async_commit() { emulated_copy_async_commit(); }
template <int N> __device__ inline void copy_async_wait() { emulated_copy_async_wait(N); }
__device__ inline float exp2_approximate(float x) { return exp2f(x); }

#else

__device__ inline unsigned shared_address(const void *pointer) { return static_cast<unsigned>(__cvta_generic_to_shared(pointer)); }

/* d[16, 8] += a[16, 16] · b[16, 8], float32 sums of bf16 products. */
__device__ inline void mma_bf16_16x8x16(float d[4], const unsigned a[4], const unsigned b[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Four 8×8 matrices of 16-bit values: lanes 8i..8i+7 name the 16-byte rows of matrix i; r[i] is the lane's pair [lane/4, 2·(lane%4)..] of it. */
__device__ inline void ldmatrix_x4(unsigned r[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

/* The same with each matrix transposed: r[i] is the pair [2·(lane%4).., lane/4]. */
__device__ inline void ldmatrix_x4_trans(unsigned r[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

/* Starts a copy of 16 bytes past the first-level cache; zeros where not valid (`global` is then not read). */
__device__ inline void copy_async_16(void *shared, const void *global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)),
               "r"(valid ? 16 : 0)
               : "memory");
}

/* The same for 4 bytes. */
__device__ inline void copy_async_4(void *shared, const void *global, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)),
               "r"(valid ? 4 : 0)
               : "memory");
}

/* Closes the group of the thread's copies started since the last commit. */
__device__ inline void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/* Waits until at most the N latest groups of the thread are under way; other threads' copies need a barrier behind it. */
template <int N> __device__ inline void copy_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

/* 2^x within 2 units in the last place of a result; results below the normal range are 0. */
__device__ inline float exp2_approximate(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

#endif
