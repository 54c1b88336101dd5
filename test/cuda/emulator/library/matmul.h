/* The arithmetic of a matrix product, on the host. */
#pragma once
#include "vendor.h"

namespace emulator {

/* A matrix in memory: element (row, column) lies at row · row_stride + column · column_stride. */
struct Matrix {
  cudaDataType type;
  long long rows, columns, row_stride, column_stride;
};

size_t element_bytes(cudaDataType type);
/* Bytes from the first to behind the last element. */
size_t matrix_bytes(const Matrix &matrix);

/* d = alpha·a·b + beta·c. Accumulates in float32, in parts of 256 products; rounds once, to nearest even, at the end. */
void multiply(float alpha, const void *a, const Matrix &a_shape, const void *b, const Matrix &b_shape, float beta, const void *c,
              const Matrix &c_shape, void *d, const Matrix &d_shape);

} // namespace emulator
