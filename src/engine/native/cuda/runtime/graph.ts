/** A recorded run of work on the card, launched as a whole: one call of the driver instead of hundreds. */
import { CONSTANTS as C, type Driver } from "../ffi/driver.js";
import { checkDriver, isLost } from "./errors.js";
import type { Address } from "./launch.js";
import type { Stream } from "./stream.js";

export class Graph implements Disposable {
  private disposed = false;

  constructor(
    private readonly driver: Driver,
    private readonly handle: Address,
    /** Launches, copies and fills. */
    readonly nodes: number,
  ) {}

  /** Gives the whole to a stream. Memory and kernels that it uses must still be there. */
  launch(stream: Stream): void {
    if (this.disposed) throw new Error("this graph was disposed");
    checkDriver(this.driver, this.driver.cuGraphLaunch(this.handle, stream.handle), "launch a graph");
  }

  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    const status = this.driver.cuGraphExecDestroy(this.handle);
    if (!isLost(this.driver)) checkDriver(this.driver, status, "destroy a graph");
  }
}

/** Calls `body`, whose work on the stream is kept, not done. @throws what `body` throws, and CudaError for work that cannot be kept. */
export function captureGraph(stream: Stream, body: () => void): Graph {
  const { driver } = stream;
  const begun = driver.cuStreamBeginCapture_v2(stream.handle, C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  checkDriver(driver, begun, "begin recording a graph");
  const recorded = new BigUint64Array(1);
  try {
    body();
  } catch (error) {
    if (driver.cuStreamEndCapture(stream.handle, recorded) === C.CUDA_SUCCESS) driver.cuGraphDestroy(recorded[0]);
    throw error;
  }
  checkDriver(driver, driver.cuStreamEndCapture(stream.handle, recorded), "end recording a graph");
  try {
    return instantiate(driver, recorded[0]);
  } finally {
    driver.cuGraphDestroy(recorded[0]);
  }
}

function instantiate(driver: Driver, recorded: Address): Graph {
  const nodes = new BigUint64Array(1);
  checkDriver(driver, driver.cuGraphGetNodes(recorded, null, nodes), "count the work of a graph");
  const handle = new BigUint64Array(1);
  checkDriver(driver, driver.cuGraphInstantiateWithFlags(handle, recorded, 0n), "make a graph ready");
  return new Graph(driver, handle[0], Number(nodes[0]));
}
