/**
 * The CUDA driver as in `cuda.h`: prototypes and constants with the C names, nothing else. Where the header maps a name to a versioned
 * symbol (`cuMemAlloc` to `cuMemAlloc_v2`), the symbol stands here. All are in drivers since CUDA 12.0.
 */
import { type Functions, openFunctions } from "./prototypes.js";

export const PROTOTYPES = {
  cuInit: "int cuInit(unsigned int Flags)",
  cuDriverGetVersion: "int cuDriverGetVersion(void *driverVersion)",
  cuGetErrorName: "int cuGetErrorName(int error, void *pStr)",
  cuGetErrorString: "int cuGetErrorString(int error, void *pStr)",

  cuDeviceGetCount: "int cuDeviceGetCount(void *count)",
  cuDeviceGet: "int cuDeviceGet(void *device, int ordinal)",
  cuDeviceGetName: "int cuDeviceGetName(void *name, int len, int dev)",
  cuDeviceGetAttribute: "int cuDeviceGetAttribute(void *pi, int attrib, int dev)",
  cuDeviceTotalMem_v2: "int cuDeviceTotalMem_v2(void *bytes, int dev)",
  cuDevicePrimaryCtxRetain: "int cuDevicePrimaryCtxRetain(void *pctx, int dev)",
  cuDevicePrimaryCtxRelease_v2: "int cuDevicePrimaryCtxRelease_v2(int dev)",
  cuCtxSetCurrent: "int cuCtxSetCurrent(void *ctx)",

  cuStreamCreate: "int cuStreamCreate(void *phStream, unsigned int Flags)",
  cuStreamDestroy_v2: "int cuStreamDestroy_v2(void *hStream)",
  cuStreamWaitEvent: "int cuStreamWaitEvent(void *hStream, void *hEvent, unsigned int Flags)",
  cuEventCreate: "int cuEventCreate(void *phEvent, unsigned int Flags)",
  cuEventDestroy_v2: "int cuEventDestroy_v2(void *hEvent)",
  cuEventRecord: "int cuEventRecord(void *hEvent, void *hStream)",
  cuEventQuery: "int cuEventQuery(void *hEvent)",
  cuEventSynchronize: "int cuEventSynchronize(void *hEvent)",
  cuEventElapsedTime: "int cuEventElapsedTime(void *pMilliseconds, void *hStart, void *hEnd)",

  cuMemGetInfo_v2: "int cuMemGetInfo_v2(void *free, void *total)",
  cuMemAlloc_v2: "int cuMemAlloc_v2(void *dptr, size_t bytesize)",
  cuMemFree_v2: "int cuMemFree_v2(uint64_t dptr)",
  cuMemHostAlloc: "int cuMemHostAlloc(void *pp, size_t bytesize, unsigned int Flags)",
  cuMemFreeHost: "int cuMemFreeHost(void *p)",
  cuMemcpyHtoDAsync_v2:
    "int cuMemcpyHtoDAsync_v2(uint64_t dstDevice, const void *srcHost, size_t ByteCount, void *hStream)",
  cuMemcpyDtoHAsync_v2: "int cuMemcpyDtoHAsync_v2(void *dstHost, uint64_t srcDevice, size_t ByteCount, void *hStream)",
  cuMemcpyDtoDAsync_v2:
    "int cuMemcpyDtoDAsync_v2(uint64_t dstDevice, uint64_t srcDevice, size_t ByteCount, void *hStream)",
  cuMemsetD8Async: "int cuMemsetD8Async(uint64_t dstDevice, unsigned char uc, size_t N, void *hStream)",

  cuModuleLoadDataEx:
    "int cuModuleLoadDataEx(void *module, const void *image, unsigned int numOptions, void *options, void *optionValues)",
  cuModuleUnload: "int cuModuleUnload(void *hmod)",
  cuModuleGetFunction: "int cuModuleGetFunction(void *hfunc, void *hmod, const char *name)",
  cuFuncGetAttribute: "int cuFuncGetAttribute(void *pi, int attrib, void *hfunc)",
  cuFuncSetAttribute: "int cuFuncSetAttribute(void *hfunc, int attrib, int value)",
  cuLaunchKernel:
    "int cuLaunchKernel(void *f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, void *hStream, void *kernelParams, void *extra)",

  cuStreamBeginCapture_v2: "int cuStreamBeginCapture_v2(void *hStream, int mode)",
  cuStreamEndCapture: "int cuStreamEndCapture(void *hStream, void *phGraph)",
  cuGraphGetNodes: "int cuGraphGetNodes(void *hGraph, void *nodes, void *numNodes)",
  cuGraphInstantiateWithFlags: "int cuGraphInstantiateWithFlags(void *phGraphExec, void *hGraph, uint64_t flags)",
  cuGraphLaunch: "int cuGraphLaunch(void *hGraphExec, void *hStream)",
  cuGraphExecDestroy: "int cuGraphExecDestroy(void *hGraphExec)",
  cuGraphDestroy: "int cuGraphDestroy(void *hGraph)",
} as const;

/** Enumerators. */
export const CONSTANTS = {
  CUDA_SUCCESS: 0,
  CUDA_ERROR_OUT_OF_MEMORY: 2,
  CUDA_ERROR_DEINITIALIZED: 4,
  CUDA_ERROR_STUB_LIBRARY: 34,
  CUDA_ERROR_DEVICE_UNAVAILABLE: 46,
  CUDA_ERROR_NO_DEVICE: 100,
  CUDA_ERROR_INVALID_DEVICE: 101,
  CUDA_ERROR_INVALID_IMAGE: 200,
  CUDA_ERROR_NO_BINARY_FOR_GPU: 209,
  CUDA_ERROR_ECC_UNCORRECTABLE: 214,
  CUDA_ERROR_NVLINK_UNCORRECTABLE: 220,
  CUDA_ERROR_CONTAINED: 226,
  CUDA_ERROR_NOT_FOUND: 500,
  CUDA_ERROR_NOT_READY: 600,
  CUDA_ERROR_ILLEGAL_ADDRESS: 700,
  CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: 701,
  CUDA_ERROR_LAUNCH_TIMEOUT: 702,
  CUDA_ERROR_CONTEXT_IS_DESTROYED: 709,
  CUDA_ERROR_ASSERT: 710,
  CUDA_ERROR_HARDWARE_STACK_ERROR: 714,
  CUDA_ERROR_ILLEGAL_INSTRUCTION: 715,
  CUDA_ERROR_MISALIGNED_ADDRESS: 716,
  CUDA_ERROR_INVALID_ADDRESS_SPACE: 717,
  CUDA_ERROR_INVALID_PC: 718,
  CUDA_ERROR_LAUNCH_FAILED: 719,
  CUDA_ERROR_SYSTEM_NOT_READY: 802,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: 803,
  CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE: 804,
  CUDA_ERROR_EXTERNAL_DEVICE: 911,
  CUDA_ERROR_UNKNOWN: 999,

  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: 16,
  CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: 38,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: 76,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: 97,
  CU_STREAM_NON_BLOCKING: 1,
  CU_EVENT_DEFAULT: 0,
  CU_EVENT_DISABLE_TIMING: 2,
  CU_JIT_ERROR_LOG_BUFFER: 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: 6,
  CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: 0,
  CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: 1,
  CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: 3,
  CU_FUNC_ATTRIBUTE_NUM_REGS: 4,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: 8,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: 1,
} as const;

export type Driver = Functions<typeof PROTOTYPES>;

/** @throws Error when the library cannot be loaded or lacks a function. */
export function openDriver(path: string): Driver {
  return openFunctions(path, PROTOTYPES);
}
