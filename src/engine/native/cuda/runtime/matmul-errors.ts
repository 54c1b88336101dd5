/** The one check of cuBLASLt's statuses: its own words and what was asked. */
import { UserError } from "../../../../base/errors.js";
import { CONSTANTS, type CublasLt } from "../ffi/cublaslt.js";

/**
 * @param asked completes "cuBLASLt could not ...".
 * @throws UserError when the library is out of memory, Error for every other status but success.
 */
export function checkCublasLt(lt: CublasLt, status: number, asked: string): void {
  if (status === CONSTANTS.CUBLAS_STATUS_SUCCESS) return;
  const got = `${lt.cublasLtGetStatusName(status)} (${status}): ${lt.cublasLtGetStatusString(status)}`;
  if (status !== CONSTANTS.CUBLAS_STATUS_ALLOC_FAILED) throw new Error(`cuBLASLt could not ${asked}: ${got}`);
  throw new UserError({
    what: `cuBLASLt has not enough memory to ${asked}`,
    got,
    hint: "leave it some of the card's memory: use fewer rows or shorter ones, or stop other programs on this card",
  });
}
