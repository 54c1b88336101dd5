/**
 * cuBLASLt as in `cublasLt.h`, `cublas_api.h` and `library_types.h`: prototypes, constants and structs with the C names, nothing else.
 * `scripts/check-bindings.ts` proves the three tables against the headers.
 */
import { type Functions, openFunctions } from "./prototypes.js";

/** Of `cublasLt.h`. */
export const PROTOTYPES = {
  cublasLtCreate: "int cublasLtCreate(void *lightHandle)",
  cublasLtDestroy: "int cublasLtDestroy(void *lightHandle)",
  cublasLtGetStatusName: "const char *cublasLtGetStatusName(int status)",
  cublasLtGetStatusString: "const char *cublasLtGetStatusString(int status)",
  cublasLtGetVersion: "size_t cublasLtGetVersion(void)",
  cublasLtMatrixLayoutCreate:
    "int cublasLtMatrixLayoutCreate(void *matLayout, int type, uint64_t rows, uint64_t cols, int64_t ld)",
  cublasLtMatrixLayoutDestroy: "int cublasLtMatrixLayoutDestroy(void *matLayout)",
  cublasLtMatmulDescCreate: "int cublasLtMatmulDescCreate(void *matmulDesc, int computeType, int scaleType)",
  cublasLtMatmulDescDestroy: "int cublasLtMatmulDescDestroy(void *matmulDesc)",
  cublasLtMatmulDescSetAttribute:
    "int cublasLtMatmulDescSetAttribute(void *matmulDesc, int attr, const void *buf, size_t sizeInBytes)",
  cublasLtMatmulPreferenceCreate: "int cublasLtMatmulPreferenceCreate(void *pref)",
  cublasLtMatmulPreferenceDestroy: "int cublasLtMatmulPreferenceDestroy(void *pref)",
  cublasLtMatmulPreferenceSetAttribute:
    "int cublasLtMatmulPreferenceSetAttribute(void *pref, int attr, const void *buf, size_t sizeInBytes)",
  cublasLtMatmulAlgoGetHeuristic:
    "int cublasLtMatmulAlgoGetHeuristic(void *lightHandle, void *operationDesc, void *Adesc, void *Bdesc, void *Cdesc, void *Ddesc, void *preference, int requestedAlgoCount, void *heuristicResultsArray, void *returnAlgoCount)",
  cublasLtMatmulAlgoCheck:
    "int cublasLtMatmulAlgoCheck(void *lightHandle, void *operationDesc, void *Adesc, void *Bdesc, void *Cdesc, void *Ddesc, const void *algo, void *result)",
  cublasLtMatmulAlgoConfigGetAttribute:
    "int cublasLtMatmulAlgoConfigGetAttribute(const void *algo, int attr, void *buf, size_t sizeInBytes, void *sizeWritten)",
  cublasLtMatmul:
    "int cublasLtMatmul(void *lightHandle, void *computeDesc, const void *alpha, const void *A, void *Adesc, const void *B, void *Bdesc, const void *beta, const void *C, void *Cdesc, void *D, void *Ddesc, const void *algo, void *workspace, size_t workspaceSizeInBytes, void *stream)",
} as const;

/** Enumerators. */
export const CONSTANTS = {
  CUBLAS_STATUS_SUCCESS: 0,
  CUBLAS_STATUS_NOT_INITIALIZED: 1,
  CUBLAS_STATUS_ALLOC_FAILED: 3,
  CUBLAS_STATUS_INVALID_VALUE: 7,
  CUBLAS_STATUS_ARCH_MISMATCH: 8,
  CUBLAS_STATUS_EXECUTION_FAILED: 13,
  CUBLAS_STATUS_INTERNAL_ERROR: 14,
  CUBLAS_STATUS_NOT_SUPPORTED: 15,
  CUDA_R_32F: 0,
  CUDA_R_16BF: 14,
  CUBLAS_COMPUTE_32F: 68,
  CUBLAS_OP_N: 0,
  CUBLAS_OP_T: 1,
  CUBLASLT_MATMUL_DESC_TRANSA: 3,
  CUBLASLT_MATMUL_DESC_TRANSB: 4,
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: 1,
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: 3,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: 5,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: 8,
  CUBLASLT_REDUCTION_SCHEME_NONE: 0,
  CUBLASLT_REDUCTION_SCHEME_INPLACE: 1,
  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE: 2,
  CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE: 4,
  CUBLASLT_REDUCTION_SCHEME_MASK: 7,
  CUBLASLT_ALGO_CONFIG_ID: 0,
  CUBLASLT_ALGO_CONFIG_TILE_ID: 1,
  CUBLASLT_ALGO_CONFIG_SPLITK_NUM: 2,
  CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME: 3,
  CUBLASLT_ALGO_CONFIG_STAGES_ID: 6,
} as const;

/** Sizes of structs, and where their fields begin, in bytes. */
export const STRUCTS = {
  cublasLtMatmulAlgo_t: { bytes: 64, offsets: { data: 0 } },
  cublasLtMatmulHeuristicResult_t: { bytes: 96, offsets: { algo: 0, workspaceSize: 64, state: 72, wavesCount: 76 } },
} as const;

export type CublasLt = Functions<typeof PROTOTYPES>;

/** @throws Error when the library cannot be loaded or lacks a function. */
export function openCublasLt(path: string): CublasLt {
  return openFunctions(path, PROTOTYPES);
}
