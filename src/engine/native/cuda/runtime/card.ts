/** What kernels need to know of the card to choose their shapes. */

export interface Card {
  readonly name: string;
  readonly computeCapability: readonly [major: number, minor: number];
  readonly multiprocessors: number;
  readonly memoryBytes: number;
  /** The most shared memory that one block may have, static and dynamic, once it opts in. */
  readonly sharedBytesPerBlock: number;
  readonly l2Bytes: number;
}
