/** Which of several algorithms is fastest on this card: each is run a few times and timed. */
import { CONSTANTS, type CublasLt } from "../ffi/cublaslt.js";
import type { Product } from "./launch.js";
import { checkCublasLt } from "./matmul-errors.js";
import type { Timer } from "./matmul-host.js";
import type { Algorithm, MatmulPlan, Workspace } from "./matmul-plan.js";

/** How long one timing should take, so that the clock's half microsecond and the cost of enqueueing do not decide. */
const TIMING_MS = 2;
const MOST_REPEATS = 50;
const ROUNDS = 3;
/** cuBLASLt's own order decides between algorithms that are closer than this: timings of a card differ by about as much. */
const MARGIN = 0.02;

export interface Choice {
  readonly algorithm: Algorithm;
  /** Of one run; null where nothing was measured. */
  readonly milliseconds: number | null;
}

/** Runs `product` with every candidate; it overwrites `product.out`. Candidates that fail are passed over. @throws when all fail. */
export function chooseByTime(
  lt: CublasLt,
  plan: MatmulPlan,
  product: Product,
  candidates: readonly Algorithm[],
  workspace: Workspace,
  timer: Timer,
): Choice {
  const run = (algorithm: Algorithm): number => plan.enqueue(product, algorithm, workspace, timer.stream);
  const statuses = candidates.map(run);
  const able = candidates.filter((_, index) => statuses[index] === CONSTANTS.CUBLAS_STATUS_SUCCESS);
  if (able.length === 0) checkCublasLt(lt, statuses[0], `compute ${plan.description}`);
  if (able.length === 1) return { algorithm: able[0], milliseconds: null };
  // The first runs above loaded the kernels; this one is warm.
  const once = timer.milliseconds(() => run(able[0]));
  const repeats = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(TIMING_MS / Math.max(once, 1e-3))));
  const times = able.map(() => Number.POSITIVE_INFINITY);
  // Round by round, so that a card that slows down while it is measured slows all of them.
  for (let round = 0; round < ROUNDS; round++)
    able.forEach((algorithm, index) => {
      const elapsed = timer.milliseconds(() => {
        for (let repeat = 0; repeat < repeats; repeat++) run(algorithm);
      });
      times[index] = Math.min(times[index], elapsed / repeats);
    });
  const best = fastest(times);
  return { algorithm: able[best], milliseconds: times[best] };
}

/** The first time that is within the margin of the smallest. */
export function fastest(times: readonly number[]): number {
  const limit = Math.min(...times) * (1 + MARGIN);
  return times.findIndex((time) => time <= limit);
}
