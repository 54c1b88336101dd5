/*
 * cuBLASLt's stand-in: descriptors are checked and copied when a product is enqueued. The heuristic offers a few algorithms that differ in
 * number, workspace and reduction scheme, and not in what they compute.
 */
#include "matmul.h"
#include "memory.h"
#include "stream.h"
#include <cstring>
#include <set>

namespace emulator {

struct Layout {
  cudaDataType type;
  int order;
  unsigned long long rows, columns;
  long long leading;
  int batch;
  long long batch_stride;
};
struct Operation {
  cublasComputeType_t compute;
  cudaDataType scale;
  int pointer_mode, transposed_a, transposed_b, epilogue;
};
struct Preference {
  unsigned long long workspace;
  unsigned schemes;
  unsigned alignments[4];
};
/* What lies in `cublasLtMatmulAlgo_t`. */
struct Algorithm {
  unsigned long long magic, workspace;
  unsigned number, scheme, split, alignments[4];
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t), "an algorithm has 64 bytes");
static const unsigned long long MAGIC = 0x656d756c61746564u;
static const unsigned INPLACE = 1, SCHEMES = 7, SPLIT_WORKSPACE = 1u << 16;
static const Preference ANYTHING = {0, SCHEMES, {256, 256, 256, 256}};

static std::set<const void *> handles, layouts, operations, preferences;

static cublasStatus_t enter_cublas(const char *function) {
  if (const int injected = enter(function)) return cublasStatus_t(injected);
  return sticky == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INTERNAL_ERROR;
}

template <typename T> static cublasStatus_t set_field(T *field, const void *value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  memcpy(field, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T> static cublasStatus_t get_field(T field, void *value, size_t bytes, size_t *written) {
  if (written != nullptr) *written = sizeof(T);
  if (bytes == 0 && written != nullptr) return CUBLAS_STATUS_SUCCESS;
  if (value == nullptr || bytes < sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  memcpy(value, &field, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

static bool known_type(cudaDataType type) { return type == CUDA_R_32F || type == CUDA_R_16BF; }

static Matrix matrix_of(const Layout &of, bool transposed) {
  const bool by_row = of.order == CUBLASLT_ORDER_ROW;
  Matrix matrix = {of.type, (long long)of.rows, (long long)of.columns, by_row ? of.leading : 1, by_row ? 1 : of.leading};
  if (transposed) matrix = {of.type, matrix.columns, matrix.rows, matrix.column_stride, matrix.row_stride};
  return matrix;
}

struct Shapes {
  Matrix a, b, c, d;
};

/* The reason why a product cannot be computed, or success. */
static cublasStatus_t shapes_of(const void *operation, const void *a, const void *b, const void *c, const void *d, Shapes *shapes) {
  if (operations.count(operation) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  for (const void *layout : {a, b, c, d})
    if (layouts.count(layout) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  for (const void *layout : {a, b, c, d}) {
    const Layout &of = *static_cast<const Layout *>(layout);
    const long long smallest = (long long)(of.order == CUBLASLT_ORDER_ROW ? of.columns : of.rows);
    if (of.rows == 0 || of.columns == 0 || of.leading < smallest) return CUBLAS_STATUS_INVALID_VALUE;
    if (of.batch != 1 || !known_type(of.type) || of.order > CUBLASLT_ORDER_ROW) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const Operation &how = *static_cast<const Operation *>(operation);
  if (how.compute < CUBLAS_COMPUTE_32F || how.scale != CUDA_R_32F || how.epilogue != 1 || how.pointer_mode != 0)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *shapes = {matrix_of(*static_cast<const Layout *>(a), how.transposed_a != 0),
             matrix_of(*static_cast<const Layout *>(b), how.transposed_b != 0), matrix_of(*static_cast<const Layout *>(c), false),
             matrix_of(*static_cast<const Layout *>(d), false)};
  const auto &[left, right, added, out] = *shapes;
  if (left.columns != right.rows || out.rows != left.rows || out.columns != right.columns) return CUBLAS_STATUS_INVALID_VALUE;
  if (added.rows != out.rows || added.columns != out.columns) return CUBLAS_STATUS_INVALID_VALUE;
  /* The table of types in the manual: float32 makes only float32. */
  const bool types = left.type == right.type && added.type == out.type && !(left.type == CUDA_R_32F && out.type != CUDA_R_32F);
  return types ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

static bool allowed(const Algorithm &algorithm, const Preference &preference) {
  const bool scheme = algorithm.scheme == 0 || (algorithm.scheme & preference.schemes) != 0;
  return scheme && algorithm.workspace <= preference.workspace;
}

static void offer(cublasLtMatmulHeuristicResult_t *result, const Algorithm &algorithm) {
  memset(result, 0, sizeof *result);
  memcpy(&result->algo, &algorithm, sizeof algorithm);
  result->workspaceSize = size_t(algorithm.workspace);
  result->state = CUBLAS_STATUS_SUCCESS;
  result->wavesCount = 1;
}

static bool read_algorithm(const cublasLtMatmulAlgo_t *from, Algorithm *algorithm) {
  if (from == nullptr) return false;
  memcpy(algorithm, from, sizeof *algorithm);
  return algorithm->magic == MAGIC;
}

/* What one call multiplies. */
struct Call {
  float alpha, beta;
  const void *a, *b, *c;
  void *d;
  Shapes shapes;
};

static bool overlap(const void *one, size_t bytes, const void *other, size_t other_bytes) {
  const char *const x = static_cast<const char *>(one), *const y = static_cast<const char *>(other);
  return x < y + other_bytes && y < x + bytes;
}

/* Whether the matrices lie in memory of the device, and the result shares none with a factor. */
static bool check_memory(const Call &call) {
  const size_t out = matrix_bytes(call.shapes.d);
  const struct {
    const char *name;
    const void *address;
    const Matrix &shape;
  } all[] = {{"a", call.a, call.shapes.a}, {"b", call.b, call.shapes.b}, {"c", call.c, call.shapes.c}, {"d", call.d, call.shapes.d}};
  for (const auto &[name, address, shape] : all) {
    if (name[0] == 'c' && call.beta == 0) continue;
    if (!is_device(CUdeviceptr(uintptr_t(address)), matrix_bytes(shape))) {
      complain("cublasLtMatmul: %s has %zu bytes at %s", name, matrix_bytes(shape), describe_address(address).c_str());
      return false;
    }
    const bool in_place = name[0] == 'd' || (name[0] == 'c' && address == call.d);
    if (in_place || !overlap(address, matrix_bytes(shape), call.d, out)) continue;
    complain("cublasLtMatmul: d shares memory with %s", name);
    return false;
  }
  return true;
}

static CUresult run_call(const Call &call) {
  if (!check_memory(call)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  counts.matmuls++;
  const Shapes &shapes = call.shapes;
  multiply(call.alpha, call.a, shapes.a, call.b, shapes.b, call.beta, call.c, shapes.c, call.d, shapes.d);
  return CUDA_SUCCESS;
}

static bool aligned(const Call &call, const unsigned *alignments) {
  const void *const all[] = {call.a, call.b, call.c, call.d};
  for (int i = 0; i < 4; i++)
    if (reinterpret_cast<uintptr_t>(all[i]) % alignments[i] != 0) return false;
  return true;
}

static std::string words(const Call &call) {
  const Shapes &shapes = call.shapes;
  return text("matmul %lldx%lldx%lld", shapes.d.rows, shapes.d.columns, shapes.a.columns);
}

template <typename T> static cublasStatus_t create(std::set<const void *> &all, void **out, T value) {
  if (out == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  all.insert(*out = new T(value));
  return CUBLAS_STATUS_SUCCESS;
}
template <typename T> static cublasStatus_t destroy(std::set<const void *> &all, const void *object) {
  if (all.erase(object) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  delete static_cast<const T *>(object);
  return CUBLAS_STATUS_SUCCESS;
}

} // namespace emulator

using namespace emulator;

#define ENTER_CUBLAS(function)                                                                                                       \
  std::lock_guard<std::recursive_mutex> locked(emulator::mutex);                                                                     \
  if (const cublasStatus_t refused = enter_cublas(#function)) return refused

extern "C" {

size_t CUBLASWINAPI cublasLtGetVersion(void) { return 130000; }

cublasStatus_t CUBLASWINAPI cublasLtCreate(cublasLtHandle_t *handle) {
  ENTER_CUBLAS(cublasLtCreate);
  if (require_context() != CUDA_SUCCESS) return CUBLAS_STATUS_NOT_INITIALIZED;
  return create(handles, reinterpret_cast<void **>(handle), int(0));
}
cublasStatus_t CUBLASWINAPI cublasLtDestroy(cublasLtHandle_t handle) {
  ENTER_CUBLAS(cublasLtDestroy);
  return destroy<int>(handles, handle);
}

cublasStatus_t CUBLASWINAPI cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows, uint64_t columns,
                                                       int64_t leading) {
  ENTER_CUBLAS(cublasLtMatrixLayoutCreate);
  const Layout made = {type, CUBLASLT_ORDER_COL, rows, columns, leading, 1, 0};
  return create(layouts, reinterpret_cast<void **>(layout), made);
}
cublasStatus_t CUBLASWINAPI cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  ENTER_CUBLAS(cublasLtMatrixLayoutDestroy);
  return destroy<Layout>(layouts, layout);
}
cublasStatus_t CUBLASWINAPI cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t which,
                                                             const void *value, size_t bytes) {
  ENTER_CUBLAS(cublasLtMatrixLayoutSetAttribute);
  if (layouts.count(layout) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  Layout &of = *reinterpret_cast<Layout *>(layout);
  switch (which) {
  case CUBLASLT_MATRIX_LAYOUT_TYPE: return set_field(&of.type, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_ORDER: return set_field(&of.order, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_ROWS: return set_field(&of.rows, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_COLS: return set_field(&of.columns, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_LD: return set_field(&of.leading, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return set_field(&of.batch, value, bytes);
  case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return set_field(&of.batch_stride, value, bytes);
  default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *operation, cublasComputeType_t compute, cudaDataType scale) {
  ENTER_CUBLAS(cublasLtMatmulDescCreate);
  return create(operations, reinterpret_cast<void **>(operation), Operation{compute, scale, 0, 0, 0, 1});
}
cublasStatus_t CUBLASWINAPI cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  ENTER_CUBLAS(cublasLtMatmulDescDestroy);
  return destroy<Operation>(operations, operation);
}
cublasStatus_t CUBLASWINAPI cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t which,
                                                           const void *value, size_t bytes) {
  ENTER_CUBLAS(cublasLtMatmulDescSetAttribute);
  if (operations.count(operation) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  Operation &of = *reinterpret_cast<Operation *>(operation);
  switch (which) {
  case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return set_field(&of.compute, value, bytes);
  case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return set_field(&of.scale, value, bytes);
  case CUBLASLT_MATMUL_DESC_POINTER_MODE: return set_field(&of.pointer_mode, value, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSA: return set_field(&of.transposed_a, value, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSB: return set_field(&of.transposed_b, value, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE: return set_field(&of.epilogue, value, bytes);
  default: return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  ENTER_CUBLAS(cublasLtMatmulPreferenceCreate);
  return create(preferences, reinterpret_cast<void **>(preference), ANYTHING);
}
cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  ENTER_CUBLAS(cublasLtMatmulPreferenceDestroy);
  return destroy<Preference>(preferences, preference);
}
cublasStatus_t CUBLASWINAPI cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                                 cublasLtMatmulPreferenceAttributes_t which, const void *value,
                                                                 size_t bytes) {
  ENTER_CUBLAS(cublasLtMatmulPreferenceSetAttribute);
  if (preferences.count(preference) == 0) return CUBLAS_STATUS_INVALID_VALUE;
  Preference &of = *reinterpret_cast<Preference *>(preference);
  switch (which) {
  case CUBLASLT_MATMUL_PREF_SEARCH_MODE:
  case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return CUBLAS_STATUS_SUCCESS;
  case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return set_field(&of.workspace, value, bytes);
  case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return set_field(&of.schemes, value, bytes);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return set_field(&of.alignments[0], value, bytes);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return set_field(&of.alignments[1], value, bytes);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return set_field(&of.alignments[2], value, bytes);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return set_field(&of.alignments[3], value, bytes);
  default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

/* A scheme that is not deterministic comes first where it is allowed. */
cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                                           cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                                           cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int wanted,
                                                           cublasLtMatmulHeuristicResult_t *results, int *found) {
  ENTER_CUBLAS(cublasLtMatmulAlgoGetHeuristic);
  if (handles.count(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (preferences.count(preference) == 0 || wanted < 1 || results == nullptr || found == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  Shapes shapes;
  if (const cublasStatus_t refused = shapes_of(operation, a, b, c, d, &shapes)) return refused;
  const Preference &asked = *reinterpret_cast<const Preference *>(preference);
  const unsigned *const by = asked.alignments;
  const Algorithm all[] = {
      {MAGIC, 0, 11, INPLACE, 2, {by[0], by[1], by[2], by[3]}},
      {MAGIC, SPLIT_WORKSPACE, 12, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 4, {by[0], by[1], by[2], by[3]}},
      {MAGIC, 0, 13, CUBLASLT_REDUCTION_SCHEME_NONE, 1, {by[0], by[1], by[2], by[3]}},
  };
  *found = 0;
  for (const Algorithm &algorithm : all)
    if (*found < wanted && allowed(algorithm, asked)) offer(results + (*found)++, algorithm);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
                                                    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                    const cublasLtMatmulAlgo_t *algo, cublasLtMatmulHeuristicResult_t *result) {
  ENTER_CUBLAS(cublasLtMatmulAlgoCheck);
  if (handles.count(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  Shapes shapes;
  if (const cublasStatus_t refused = shapes_of(operation, a, b, c, d, &shapes)) return refused;
  Algorithm algorithm;
  if (!read_algorithm(algo, &algorithm)) return CUBLAS_STATUS_NOT_SUPPORTED;
  offer(result, algorithm);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t which,
                                                                 void *value, size_t bytes, size_t *written) {
  ENTER_CUBLAS(cublasLtMatmulAlgoConfigGetAttribute);
  Algorithm algorithm;
  if (!read_algorithm(algo, &algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
  switch (which) {
  case CUBLASLT_ALGO_CONFIG_ID: return get_field(int(algorithm.number), value, bytes, written);
  case CUBLASLT_ALGO_CONFIG_SPLITK_NUM: return get_field(int(algorithm.split), value, bytes, written);
  case CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME: return get_field(algorithm.scheme, value, bytes, written);
  case CUBLASLT_ALGO_CONFIG_TILE_ID:
  case CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING:
  case CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION:
  case CUBLASLT_ALGO_CONFIG_STAGES_ID: return get_field(unsigned(0), value, bytes, written);
  default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t CUBLASWINAPI cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void *alpha, const void *a,
                                           cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,
                                           const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                                           cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace,
                                           size_t workspace_bytes, cudaStream_t stream) {
  ENTER_CUBLAS(cublasLtMatmul);
  if (handles.count(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!is_stream(reinterpret_cast<CUstream>(stream)) || alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  Call call = {*static_cast<const float *>(alpha), *static_cast<const float *>(beta), a, b, c, d, {}};
  if (const cublasStatus_t refused = shapes_of(operation, a_layout, b_layout, c_layout, d_layout, &call.shapes)) return refused;
  Algorithm algorithm = {MAGIC, 0, 13, 0, 1, {1, 1, 1, 1}};
  if (algo != nullptr && !read_algorithm(algo, &algorithm)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!aligned(call, algorithm.alignments)) {
    complain("cublasLtMatmul: a matrix is less aligned than the algorithm was asked for");
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (algorithm.workspace > workspace_bytes) return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm.workspace > 0 && !is_device(CUdeviceptr(uintptr_t(workspace)), workspace_bytes)) return CUBLAS_STATUS_INVALID_VALUE;
  const CUresult status = enqueue(reinterpret_cast<CUstream>(stream), {words(call), [call] { return run_call(call); }});
  return status == CUDA_SUCCESS ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

#define STATUS_NAME(status)                                                                                                          \
  case status: return #status

const char *CUBLASWINAPI cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    STATUS_NAME(CUBLAS_STATUS_SUCCESS);
    STATUS_NAME(CUBLAS_STATUS_NOT_INITIALIZED);
    STATUS_NAME(CUBLAS_STATUS_ALLOC_FAILED);
    STATUS_NAME(CUBLAS_STATUS_INVALID_VALUE);
    STATUS_NAME(CUBLAS_STATUS_ARCH_MISMATCH);
    STATUS_NAME(CUBLAS_STATUS_MAPPING_ERROR);
    STATUS_NAME(CUBLAS_STATUS_EXECUTION_FAILED);
    STATUS_NAME(CUBLAS_STATUS_INTERNAL_ERROR);
    STATUS_NAME(CUBLAS_STATUS_NOT_SUPPORTED);
    STATUS_NAME(CUBLAS_STATUS_LICENSE_ERROR);
  default: return "unknown status";
  }
}

/* cuBLASLt's own words for it differ from version to version; these tell no more than the name. */
const char *CUBLASWINAPI cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS: return "success";
  case CUBLAS_STATUS_NOT_INITIALIZED: return "the library was not initialized";
  case CUBLAS_STATUS_ALLOC_FAILED: return "the resource allocation failed";
  case CUBLAS_STATUS_INVALID_VALUE: return "an invalid value was used as an argument";
  case CUBLAS_STATUS_ARCH_MISMATCH: return "an absent device architectural feature is required";
  case CUBLAS_STATUS_EXECUTION_FAILED: return "the function failed to launch on the GPU";
  case CUBLAS_STATUS_INTERNAL_ERROR: return "an internal operation failed";
  case CUBLAS_STATUS_NOT_SUPPORTED: return "the functionality is not supported";
  default: return "unknown status";
  }
}
}
