/**
 * The operations that time-operations.mjs times, at the sizes of a 1B to 8B model: name, label, buffers as [dtype, ...shape], call (null: adamw
 * with its master weights last). Whole numbers are zeros but for ids.
 */
import { SCALARS } from "../../dist/engine/native/device.js";

export function operationCases({ small, float }) {
  const [N, C, F, V, D] = small ? [64, 64, 96, 128, 16] : [8192, 4096, 14336, 128256, 128];
  const T = small ? 32 : 4096;
  const shapes = [
    { B: N / T, T, H: small ? 4 : 32, K: small ? 2 : 8, D, window: null },
    { B: 8, T: N / 8, H: small ? 4 : 12, K: small ? 4 : 12, D: small ? 16 : 64, window: null },
  ];

  // `m` is a matrix in the precision.
  const m = float;
  const attentions = shapes.flatMap((shape) => {
    const [X, O] = [(shape.H + 2 * shape.K) * shape.D, shape.H * shape.D];
    const label = `B ${shape.B}, T ${shape.T}, H ${shape.H}, K ${shape.K}, D ${shape.D}`;
    const rows = shape.B * shape.T;
    return [
      [
        "attention",
        label,
        [
          [m, rows, O],
          ["f32", rows, shape.H],
          [m, rows, X],
          ["i32", rows],
        ],
        (o, b) => o.attention(...b, shape),
      ],
      [
        "attentionBackward",
        label,
        [
          [m, rows, X],
          ["f32", rows, shape.H],
          [m, rows, O],
          [m, rows, O],
          ["f32", rows, shape.H],
          [m, rows, X],
          ["i32", rows],
        ],
        (o, b) => o.attentionBackward(...b, shape),
      ],
      [
        "rope",
        label,
        [
          [m, rows, X],
          ["f32", shape.T, shape.D],
          ["i32", rows],
        ],
        (o, b) => o.rope(...b, shape),
      ],
    ];
  });
  const products = [
    ["forward qkv", N, (C * 3) / 2, C, { transposeB: true }],
    ["forward gate, up", N, 2 * F, C, { transposeB: true }],
    ["backward of inputs", N, C, 2 * F, {}],
    ["backward of weights", 2 * F, C, N, { transposeA: true }],
  ].map(([label, M, W, L, o]) => {
    const a = o.transposeA ? [L, M] : [M, L];
    const b = o.transposeB ? [W, L] : [L, W];
    return [
      "matmul",
      `${label} [${M}, ${W}] of ${L}`,
      [
        [m, M, W],
        [m, ...a],
        [m, ...b],
      ],
      (ops, all) => ops.matmul(...all, o),
    ];
  });
  const rows = small ? 8 : 1024;
  return {
    vocabulary: V,
    cases: [
      ...products,
      ...attentions,
      [
        "rmsNorm",
        `[${N}, ${C}]`,
        [
          [m, N, C],
          ["f32", N],
          [m, N, C],
          [m, N, C],
          [m, C],
        ],
        (o, b) => o.rmsNorm(...b, 1e-5),
      ],
      [
        "rmsNormBackward",
        `[${N}, ${C}]`,
        [
          [m, N, C],
          [m, C],
          [m, N, C],
          [m, N, C],
          ["f32", N],
          [m, C],
        ],
        (o, b) => o.rmsNormBackward(...b),
      ],
      [
        "swiglu",
        `[${N}, ${F}]`,
        [
          [m, N, F],
          [m, N, 2 * F],
        ],
        (o, b) => o.swiglu(...b),
      ],
      [
        "swigluBackward",
        `[${N}, ${F}]`,
        [
          [m, N, 2 * F],
          [m, N, F],
          [m, N, 2 * F],
        ],
        (o, b) => o.swigluBackward(...b),
      ],
      [
        "add",
        `[${N}, ${C}]`,
        [
          [m, N, C],
          [m, N, C],
        ],
        (o, b) => o.add(...b),
      ],
      [
        "embed",
        `[${N}, ${C}] of ${V}`,
        [
          [m, N, C],
          [m, V, C],
          ["i32", N],
        ],
        (o, b) => o.embed(...b),
      ],
      [
        "embedBackward",
        `[${N}, ${C}] of ${V}`,
        [
          [m, V, C],
          [m, N, C],
          ["i32", N],
        ],
        (o, b) => o.embedBackward(...b),
      ],
      [
        "crossEntropy",
        `[${rows}, ${V}]`,
        [
          ["f32", rows],
          [m, rows, V],
          ["i32", rows],
          ["f32", rows],
          ["f32", SCALARS.length],
        ],
        (o, b) => o.crossEntropy(...b, { vocabulary: V, gradient: true }),
      ],
      [
        "squaredNorm",
        `${N * C}`,
        [
          ["f32", 1],
          [m, N * C],
        ],
        (o, b) => o.squaredNorm(...b),
      ],
      [
        "adamw",
        `${N * C}, float32 moments and master`,
        [
          [m, N * C],
          ["f32", N * C],
          ["f32", N * C],
          [m, N * C],
          ["f32", SCALARS.length],
          ["f32", N * C],
        ],
        null,
        true,
      ],
      [
        "adamw",
        `${N * C}, all in one type`,
        [
          [m, N * C],
          [m, N * C],
          [m, N * C],
          [m, N * C],
          ["f32", SCALARS.length],
        ],
        (o, b) => o.adamw(...b, { decays: true }),
      ],
    ],
  };
}
