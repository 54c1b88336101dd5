/*
 * Copies and fills. Pinned memory is read or written when the copy runs; other host memory as the driver promises: read before the call
 * returns, written before the call returns.
 */
#include "memory.h"
#include "stream.h"
#include <cstring>
#include <memory>
#include <vector>

namespace emulator {

static void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(uintptr_t(address)); }

static CUresult not_there(const char *function, CUdeviceptr address, size_t bytes) {
  complain("%s: %zu bytes at %s", function, bytes, describe_address(pointer(address)).c_str());
  return CUDA_ERROR_INVALID_VALUE;
}

/* Memory that was free between the call and the time when it runs. */
static CUresult gone(const char *function) {
  complain("%s: its memory was freed before it ran", function);
  return CUDA_ERROR_ILLEGAL_ADDRESS;
}

static CUresult pageable_in_graph(const char *function) {
  complain("%s: a graph keeps the address of host memory that is not pinned", function);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

static CUresult copy_in(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  if (!is_device(to, bytes)) return not_there("cuMemcpyHtoD", to, bytes);
  const std::string label = text("copy to device %zu", bytes);
  if (is_pinned(from, bytes))
    return enqueue(stream, {label, [=] {
                              if (!is_device(to, bytes) || !is_pinned(from, bytes)) return gone("cuMemcpyHtoD");
                              counts.copies++;
                              memcpy(pointer(to), from, bytes);
                              return CUDA_SUCCESS;
                            }});
  if (is_capturing(stream)) return pageable_in_graph("cuMemcpyHtoD");
  const char *const first = static_cast<const char *>(from);
  const auto staged = std::make_shared<std::vector<char>>(first, first + bytes);
  return enqueue(stream, {label, [=] {
                            if (!is_device(to, bytes)) return gone("cuMemcpyHtoD");
                            counts.copies++;
                            memcpy(pointer(to), staged->data(), bytes);
                            return CUDA_SUCCESS;
                          }});
}

static CUresult copy_out(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  if (!is_device(from, bytes)) return not_there("cuMemcpyDtoH", from, bytes);
  const bool at_once = !is_pinned(to, bytes);
  if (at_once && is_capturing(stream)) return pageable_in_graph("cuMemcpyDtoH");
  const CUresult status = enqueue(stream, {text("copy to host %zu", bytes), [=] {
                                             if (!is_device(from, bytes)) return gone("cuMemcpyDtoH");
                                             if (!at_once && !is_pinned(to, bytes)) return gone("cuMemcpyDtoH");
                                             counts.copies++;
                                             memcpy(to, pointer(from), bytes);
                                             return CUDA_SUCCESS;
                                           }});
  return status == CUDA_SUCCESS && at_once ? run_stream(stream) : status;
}

static CUresult copy_within(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  if (!is_device(to, bytes)) return not_there("cuMemcpyDtoD", to, bytes);
  if (!is_device(from, bytes)) return not_there("cuMemcpyDtoD", from, bytes);
  return enqueue(stream, {text("copy %zu", bytes), [=] {
                            if (!is_device(to, bytes) || !is_device(from, bytes)) return gone("cuMemcpyDtoD");
                            counts.copies++;
                            memmove(pointer(to), pointer(from), bytes);
                            return CUDA_SUCCESS;
                          }});
}

template <typename T> static CUresult fill(CUdeviceptr to, T value, size_t count, CUstream stream) {
  const size_t bytes = count * sizeof(T);
  if (!is_device(to, bytes)) return not_there("cuMemset", to, bytes);
  if (to % sizeof(T) != 0) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, {text("fill %zu", bytes), [=] {
                            if (!is_device(to, bytes)) return gone("cuMemset");
                            counts.fills++;
                            T *const first = static_cast<T *>(pointer(to));
                            for (size_t i = 0; i < count; i++) first[i] = value;
                            return CUDA_SUCCESS;
                          }});
}

/* For the functions that return when they are done. */
static CUresult and_wait(CUresult status) { return status == CUDA_SUCCESS ? run_everything() : status; }

} // namespace emulator

using namespace emulator;

extern "C" {

CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyHtoDAsync_v2);
  return is_stream(stream) ? copy_in(to, from, bytes, stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyDtoHAsync_v2);
  return is_stream(stream) ? copy_out(to, from, bytes, stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyDtoDAsync_v2);
  return is_stream(stream) ? copy_within(to, from, bytes, stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  ENTER(cuMemsetD8Async);
  return is_stream(stream) ? fill(to, value, count, stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  ENTER(cuMemsetD32Async);
  return is_stream(stream) ? fill(to, value, count, stream) : CUDA_ERROR_INVALID_HANDLE;
}

CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  ENTER(cuMemcpyHtoD_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemcpyHtoD_v2")) return refused;
  return and_wait(copy_in(to, from, bytes, nullptr));
}
CUresult CUDAAPI cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  ENTER(cuMemcpyDtoH_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemcpyDtoH_v2")) return refused;
  return and_wait(copy_out(to, from, bytes, nullptr));
}
CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  ENTER(cuMemcpyDtoD_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemcpyDtoD_v2")) return refused;
  return copy_within(to, from, bytes, nullptr);
}
CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  ENTER(cuMemsetD8_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemsetD8_v2")) return refused;
  return fill(to, value, count, nullptr);
}
CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  ENTER(cuMemsetD32_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemsetD32_v2")) return refused;
  return fill(to, value, count, nullptr);
}
}
