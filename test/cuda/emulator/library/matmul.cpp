/* Both factors are unpacked to float32 in the order in which they are read, then multiplied in tiles that stay in registers. */
#include "matmul.h"
#include <algorithm>
#include <cstring>
#include <vector>

namespace emulator {

static const long long TILE_ROWS = 4, TILE_COLUMNS = 32, PART = 256;

size_t element_bytes(cudaDataType type) { return type == CUDA_R_32F ? 4 : 2; }

size_t matrix_bytes(const Matrix &matrix) {
  if (matrix.rows == 0 || matrix.columns == 0) return 0;
  const long long last = (matrix.rows - 1) * matrix.row_stride + (matrix.columns - 1) * matrix.column_stride;
  return size_t(last + 1) * element_bytes(matrix.type);
}

static float load(const void *data, cudaDataType type, long long position) {
  if (type == CUDA_R_32F) return static_cast<const float *>(data)[position];
  const unsigned wide = unsigned(static_cast<const unsigned short *>(data)[position]) << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

static void store(void *data, cudaDataType type, long long position, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float *>(data)[position] = value;
    return;
  }
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  const bool nan = value != value;
  const unsigned rounded = nan ? bits >> 16 | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  static_cast<unsigned short *>(data)[position] = static_cast<unsigned short>(rounded);
}

/* As [rows][width], with zeros where the matrix ends before. */
static std::vector<float> unpack(const void *data, const Matrix &shape, long long rows, long long width) {
  std::vector<float> out(size_t(rows * width), 0.0f);
  for (long long row = 0; row < shape.rows; row++)
    for (long long column = 0; column < shape.columns; column++)
      out[size_t(row * width + column)] = load(data, shape.type, row * shape.row_stride + column * shape.column_stride);
  return out;
}

static void multiply_tile(const float *a, long long a_width, const float *b, long long b_width, long long k, float *sums) {
  for (long long begin = 0; begin < k; begin += PART) {
    float part[TILE_ROWS][TILE_COLUMNS] = {};
    for (long long i = begin; i < std::min(k, begin + PART); i++)
      for (long long m = 0; m < TILE_ROWS; m++)
        for (long long n = 0; n < TILE_COLUMNS; n++) part[m][n] += a[m * a_width + i] * b[i * b_width + n];
    for (long long i = 0; i < TILE_ROWS * TILE_COLUMNS; i++) sums[i] += part[i / TILE_COLUMNS][i % TILE_COLUMNS];
  }
}

static long long round_up(long long value, long long unit) { return (value + unit - 1) / unit * unit; }

void multiply(float alpha, const void *a, const Matrix &a_shape, const void *b, const Matrix &b_shape, float beta, const void *c,
              const Matrix &c_shape, void *d, const Matrix &d_shape) {
  const long long m = d_shape.rows, n = d_shape.columns, k = a_shape.columns, width = round_up(n, TILE_COLUMNS);
  const std::vector<float> left = unpack(a, a_shape, round_up(m, TILE_ROWS), k), right = unpack(b, b_shape, k, width);
  for (long long row = 0; row < m; row += TILE_ROWS) {
    for (long long column = 0; column < n; column += TILE_COLUMNS) {
      float sums[TILE_ROWS * TILE_COLUMNS] = {};
      multiply_tile(left.data() + row * k, k, right.data() + column, width, k, sums);
      for (long long i = 0; i < TILE_ROWS * TILE_COLUMNS; i++) {
        const long long y = row + i / TILE_COLUMNS, x = column + i % TILE_COLUMNS;
        if (y >= m || x >= n) continue;
        /* beta 0 means that c is not read. */
        const float added = beta == 0 ? 0 : beta * load(c, c_shape.type, y * c_shape.row_stride + x * c_shape.column_stride);
        store(d, d_shape.type, y * d_shape.row_stride + x * d_shape.column_stride, alpha * sums[i] + added);
      }
    }
  }
}

} // namespace emulator
