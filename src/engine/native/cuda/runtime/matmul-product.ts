/** A product as cuBLASLt sees it: checked, put into words, and reduced to the key that plans are remembered by. Pure. */
import type { Address, Product } from "./launch.js";

export const ELEMENT_BYTES = { f32: 4, bf16: 2 } as const;

/** cuBLASLt asks for nothing beyond this; memory of the driver is aligned to it. */
const MOST_ALIGNMENT = 256;

/** Alignments of the four matrices in bytes: powers of two, at most 256. `c` is plus, or out where nothing is added. */
export interface Alignments {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

export function alignmentsOf({ a, b, plus, out }: Product): Alignments {
  return { a: alignmentOf(a), b: alignmentOf(b), c: alignmentOf(plus ?? out), d: alignmentOf(out) };
}

function alignmentOf(address: Address): number {
  let alignment = MOST_ALIGNMENT;
  while (address % BigInt(alignment) !== 0n) alignment /= 2;
  return alignment;
}

/** Everything that the choice of an algorithm may depend on but the card and the library. Equal keys share a plan. */
export function keyOf(product: Product): string {
  const { m, n, k, transposeA, transposeB, inputType, outputType, plus } = product;
  const { a, b, c, d } = alignmentsOf(product);
  const transposes = `${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`;
  return `${m}x${n}x${k} ${transposes} ${inputType}>${outputType}${plus === null ? "" : " plus"} ${a},${b},${c},${d}`;
}

/** `out bf16[8, 16] = plus + a bf16[8, 4] · b bf16[16, 4] transposed`. */
export function describeProduct(product: Product): string {
  const { m, n, k, transposeA, transposeB, inputType, outputType, plus } = product;
  const matrix = (name: string, rows: number, width: number, transposed: boolean): string =>
    transposed ? `${name} ${inputType}[${width}, ${rows}] transposed` : `${name} ${inputType}[${rows}, ${width}]`;
  const left = plus === null ? "" : plus === product.out ? "out + " : "plus + ";
  return `out ${outputType}[${m}, ${n}] = ${left}${matrix("a", m, k, transposeA)} · ${matrix("b", k, n, transposeB)}`;
}

export function outputBytes({ m, n, outputType }: Product): number {
  return m * n * ELEMENT_BYTES[outputType];
}

/** @throws Error for sizes that are none, addresses that split elements, and memory that is written while it is read. */
export function checkProduct(product: Product): void {
  const { m, n, k, out, a, b, plus, inputType, outputType } = product;
  const refuse = (why: string): never => {
    throw new Error(`${describeProduct(product)}: ${why}`);
  };
  if (![m, n, k].every((size) => Number.isSafeInteger(size) && size > 0)) refuse("sizes must be whole and positive");
  const width = ELEMENT_BYTES[inputType];
  const written = { start: out, bytes: outputBytes(product), width: ELEMENT_BYTES[outputType] };
  const read = {
    a: { start: a, bytes: m * k * width, width },
    b: { start: b, bytes: k * n * width, width },
    ...(plus === null || plus === out ? {} : { plus: { ...written, start: plus } }),
  };
  for (const [name, { start, width: element }] of Object.entries({ out: written, ...read }))
    if (start <= 0n || start % BigInt(element) !== 0n) refuse(`the address of ${name} is ${hex(start)}`);
  for (const [name, { start, bytes }] of Object.entries(read))
    if (start < out + BigInt(written.bytes) && out < start + BigInt(bytes)) refuse(`out shares memory with ${name}`);
}

function hex(address: Address): string {
  return `0x${address.toString(16)}`;
}
