/**
 * The dimension letters used in every name, comment and kernel of the project.
 *
 * | letter | meaning |
 * |---|---|
 * | `B` | rows of a micro-batch |
 * | `T` | tokens of a row |
 * | `N` | `B·T` |
 * | `C` | model width |
 * | `L` | layers |
 * | `H` | query heads |
 * | `K` | key/value heads |
 * | `D` | width of one head |
 * | `F` | feed-forward width |
 * | `V` | vocabulary |
 * | `Vp` | vocabulary padded for the hardware |
 *
 * A tensor variable ends in its letters (`hidden_NC`, `q_NHD`), its gradient starts with `d` (`dHidden_NC`).
 */
export type Shape = readonly number[];

/** Number of elements of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
