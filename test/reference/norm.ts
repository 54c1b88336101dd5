/** RMSNorm over rows of `width` values and its gradient. */
import { type Arithmetic, at, fill, sum, type Values } from "./arithmetic.js";

/** 1 / √(mean(x²) + ε) of every row. */
function inverseSizes(a: Arithmetic, x: Values, width: number, epsilon: number): Values {
  return fill(a, x.length / width, (row) => {
    const squares = sum(a, width, (c) => a.round(at(x, row * width + c) ** 2));
    return 1 / a.round(Math.sqrt(a.round(a.round(squares / width) + epsilon)));
  });
}

/** x / √(mean(x²) + ε) · weight. */
export function rmsNorm(a: Arithmetic, x: Values, weight: Values, epsilon: number): Values {
  const width = weight.length;
  const inverse = inverseSizes(a, x, width, epsilon);
  return fill(a, x.length, (index) => {
    const unit = a.round(at(x, index) * at(inverse, Math.floor(index / width)));
    return unit * at(weight, index % width);
  });
}

/** With n = x/size and g = dy · weight: dx = (g − n · mean(g n)) / size, dWeight = Σ dy n. */
export function rmsNormGradient(
  a: Arithmetic,
  dy: Values,
  x: Values,
  weight: Values,
  epsilon: number,
): { readonly dx: Values; readonly dWeight: Values } {
  const width = weight.length;
  const rows = x.length / width;
  const inverse = inverseSizes(a, x, width, epsilon);
  const unit = fill(a, x.length, (index) => at(x, index) * at(inverse, Math.floor(index / width)));
  const g = fill(a, x.length, (index) => at(dy, index) * at(weight, index % width));
  const along = fill(
    a,
    rows,
    (row) => sum(a, width, (c) => a.round(at(g, row * width + c) * at(unit, row * width + c))) / width,
  );
  const dx = fill(a, x.length, (index) => {
    const row = Math.floor(index / width);
    return at(inverse, row) * a.round(at(g, index) - a.round(at(unit, index) * at(along, row)));
  });
  const dWeight = fill(a, width, (c) =>
    sum(a, rows, (row) => a.round(at(dy, row * width + c) * at(unit, row * width + c))),
  );
  return { dx, dWeight };
}
