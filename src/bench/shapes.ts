/**
 * Shapes with a name, each with a micro-batch that fits a card of 80 GB: `--shape llama-1.2b`, or `--shape llama-1.2b,batch=2`.
 *
 * The sizes are those of models that others publish speeds for. `gpt-124m` is GPT-2's smallest with SwiGLU of as many weights (3·2048 =
 * 2·4·768); `1.5b` and `7b` are Qwen2.5's, which LLM.Q trains in its tables (github.com/IST-DASLab/llmq, benchmarks/H100x1.md: sequences of
 * 1024, 524 288 tokens a step; here fewer micro-batches for `7b`, whose steps would take 40 s).
 */
import type { Architecture } from "../model/architecture.js";

export interface NamedShape {
  /** As in a line. */
  readonly sizes: string;
  /** What a line cannot say. */
  readonly changes: Partial<Architecture>;
}

const LLAMA3: Partial<Architecture> = { ropeTheta: 500_000 };
const QWEN2: Partial<Architecture> = { qkvBias: true, ropeTheta: 1_000_000, normEpsilon: 1e-6 };

export const NAMED_SHAPES = {
  "gpt-124m": {
    sizes: "width=768,layers=12,heads=12,ff=2048,vocab=50304,tied=1,length=1024,batch=32",
    changes: {},
  },
  "llama-1.2b": {
    sizes: "width=2048,layers=16,heads=32,kv=8,ff=8192,vocab=128256,tied=1,length=4096,batch=4",
    changes: LLAMA3,
  },
  "1.5b": {
    sizes: "width=1536,layers=28,heads=12,kv=2,ff=8960,vocab=151936,tied=1,length=1024,batch=32,accumulate=16",
    changes: QWEN2,
  },
  "7b": {
    sizes: "width=3584,layers=28,heads=28,kv=4,ff=18944,vocab=152064,length=1024,batch=4,accumulate=16",
    changes: QWEN2,
  },
  "llama-8b": {
    sizes: "width=4096,layers=32,heads=32,kv=8,ff=14336,vocab=128256,length=8192,batch=1,accumulate=4",
    changes: LLAMA3,
  },
} as const satisfies Record<string, NamedShape>;

export type ShapeName = keyof typeof NAMED_SHAPES;
export const SHAPE_NAMES = Object.keys(NAMED_SHAPES) as readonly ShapeName[];
