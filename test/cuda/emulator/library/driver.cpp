/* The driver's beginning: the card, its context, the words for its errors. */
#include "memory.h"
#include "stream.h"
#include <cstring>

namespace emulator {

static bool initialised = false;
static int retained = 0;
/* The one context there can be; threads other than the one that set it have none, as in the driver. */
static int the_context;
static long long generation = 0;
static thread_local bool current = false;
static thread_local long long current_generation = -1;
static const char NAME[] = "Emulated card";

static CUcontext primary() { return reinterpret_cast<CUcontext>(&the_context); }

CUresult require_context() {
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (retained == 0 || !current || current_generation != generation) return CUDA_ERROR_INVALID_CONTEXT;
  return sticky;
}

void reset_context() {
  retained = 0;
  generation++;
  initialised = false;
}

static long long attribute(CUdevice_attribute which) {
  switch (which) {
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return 1024;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return 48 << 10;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE: return 32;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: return 65536;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return 65536;
  case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return 1000000;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return settings.multiprocessors;
  case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: return 1000000;
  case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: return 256;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: return settings.l2Bytes;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return 2048;
  case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: return 1;
  case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: return 1;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return settings.computeCapability / 10;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return settings.computeCapability % 10;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return settings.sharedBytesPerBlock + 1024;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: return settings.sharedBytesPerBlock;
  case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: return 1024;
  default: return -1;
  }
}

struct ErrorWords {
  CUresult status;
  const char *name, *description;
};
/* The descriptions are the driver's. */
static const ErrorWords ERRORS[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {CUDA_ERROR_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {CUDA_ERROR_STREAM_CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "operation would result in a merge of separate capture sequences"},
    {CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
    {CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
    {CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "operation would make the legacy stream depend on a capturing blocking stream"},
    {CUDA_ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
    {CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const ErrorWords *words(CUresult status) {
  for (const ErrorWords &one : ERRORS)
    if (one.status == status) return &one;
  return nullptr;
}

} // namespace emulator

using namespace emulator;

#define ENTER_INITIALISED(function)                                                                                                  \
  ENTER_FREELY(function);                                                                                                             \
  if (!initialised) return CUDA_ERROR_NOT_INITIALIZED

extern "C" {

CUresult CUDAAPI cuInit(unsigned flags) {
  ENTER_FREELY(cuInit);
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  initialised = true;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDriverGetVersion(int *version) {
  ENTER_FREELY(cuDriverGetVersion);
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = int(settings.driverVersion);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetCount(int *count) {
  ENTER_INITIALISED(cuDeviceGetCount);
  *count = 1;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER_INITIALISED(cuDeviceGet);
  if (ordinal != 0) return CUDA_ERROR_INVALID_DEVICE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetName(char *name, int bytes, CUdevice device) {
  ENTER_INITIALISED(cuDeviceGetName);
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  if (name == nullptr || bytes < 1) return CUDA_ERROR_INVALID_VALUE;
  strncpy(name, NAME, size_t(bytes) - 1);
  name[bytes - 1] = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
  ENTER_INITIALISED(cuDeviceGetAttribute);
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  const long long known = attribute(which);
  if (known < 0) return CUDA_ERROR_INVALID_VALUE;
  *value = int(known);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  ENTER_INITIALISED(cuDeviceTotalMem_v2);
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = size_t(settings.memoryBytes);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  ENTER_INITIALISED(cuDevicePrimaryCtxRetain);
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  retained++;
  *context = primary();
  return CUDA_SUCCESS;
}

/* The last release frees everything; what was still allocated is a leak. */
CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  ENTER_INITIALISED(cuDevicePrimaryCtxRelease_v2);
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  if (retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--retained > 0) return CUDA_SUCCESS;
  run_everything();
  release_everything(sticky == CUDA_SUCCESS);
  reset_streams();
  reset_modules();
  generation++;
  sticky = CUDA_SUCCESS;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetCurrent(CUcontext context) {
  ENTER_INITIALISED(cuCtxSetCurrent);
  if (context != nullptr && (context != primary() || retained == 0)) return CUDA_ERROR_INVALID_CONTEXT;
  current = context != nullptr;
  current_generation = generation;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetCurrent(CUcontext *context) {
  ENTER_INITIALISED(cuCtxGetCurrent);
  *context = retained > 0 && current && current_generation == generation ? primary() : nullptr;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSynchronize(void) {
  ENTER(cuCtxSynchronize);
  if (const CUresult refused = refuse_while_capturing("cuCtxSynchronize")) return refused;
  return run_everything();
}

CUresult CUDAAPI cuGetErrorName(CUresult status, const char **name) {
  const ErrorWords *const found = words(status);
  *name = found == nullptr ? nullptr : found->name;
  return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult CUDAAPI cuGetErrorString(CUresult status, const char **description) {
  const ErrorWords *const found = words(status);
  *description = found == nullptr ? nullptr : found->description;
  return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
}
