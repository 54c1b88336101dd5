/**
 * Every operation on the card at real sizes against PyTorch: no further from float64 than twice what plain float32 loops are, stored in the
 * same type; run twice, and then as a graph, with the same bits.
 */
import { Buffer as Bytes } from "node:buffer";
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromBf16, toBf16 } from "../../src/base/bf16.js";
import { sizeOf } from "../../src/base/dims.js";
import { fillNormal, random32 } from "../../src/base/random.js";
import type { CudaDevice } from "../../src/engine/native/cuda/device.js";
import type { Buffer, BufferSpec } from "../../src/engine/native/device.js";
import { cardMissing, openTestDevice } from "../cuda/test-card.js";
import { Oracle, oracleMissing } from "./oracle.js";
import { adamwCase, type CaseBuffer, REAL_CASES, type RealCase, type Source } from "./real-cases.js";

const missing = (await cardMissing()) ?? oracleMissing();
const LIMIT_MS = 300_000;
/** A repeated block of normal numbers; its length divides no extent, so rows differ. */
const BLOCK = 1_000_003;
/** Half a unit in the last place of a float32: a result that is exact but for its rounding may be this far off. */
const ROUNDING = 2 ** -24;
/** What the largest case writes, and some more. */
const FOLDER_BYTES = 8 * 2 ** 30;

type Storage = "f32" | "bf16";
type Values = Float32Array | Int32Array;

const block = new Float32Array(BLOCK);
fillNormal(block, { seed: 5, stream: 1, deviation: 1 });

function valuesFrom(source: Source, size: number, seed: number): Values {
  const at = (index: number): number => block[(index + seed * 7919) % BLOCK];
  if (source.kind === "nothing") return new Float32Array(size).fill(Number.NaN);
  if (source.kind === "values") return Float32Array.from(source.values);
  if (source.kind === "indices")
    return Int32Array.from({ length: size }, (_, i) => random32(9, seed, i) % source.limit);
  if (source.kind === "starts") {
    const { T, document } = source;
    return Int32Array.from({ length: size }, (_, n) => Math.floor((n % T) / document) * document);
  }
  const { deviation, mean = 0, absolute = false } = source;
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = mean + deviation * (absolute ? Math.abs(at(i)) : at(i));
  return values;
}

/** What a matrix of the storage holds of them. */
function stored(values: Values, { dtype }: CaseBuffer, storage: Storage): Values {
  if (values instanceof Int32Array || dtype !== "matrix" || storage === "f32") return values;
  const bits = new Uint16Array(values.length);
  toBf16(values, bits);
  const held = new Float32Array(values.length);
  fromBf16(bits, held);
  return held;
}

function specOf([name, { shape, dtype }]: [string, CaseBuffer], storage: Storage): BufferSpec {
  return { name, shape, dtype: dtype === "matrix" ? storage : dtype };
}

/** In memory where there is room: the files are large. */
function roomyFolder(): string {
  if (!existsSync("/dev/shm")) return tmpdir();
  const { bavail, bsize } = statfsSync("/dev/shm");
  return bavail * bsize > FOLDER_BYTES ? "/dev/shm" : tmpdir();
}

const sameBits = (a: Float32Array, b: Float32Array): boolean =>
  Bytes.from(a.buffer, a.byteOffset, a.byteLength).equals(Bytes.from(b.buffer, b.byteOffset, b.byteLength));

describe.skipIf(missing !== null)(missing === null ? "real sizes" : `real sizes (skipped: ${missing})`, () => {
  let device: CudaDevice;
  let oracle: Oracle;
  const folder = mkdtempSync(join(roomyFolder(), "hephaestus-real-"));

  beforeAll(async () => {
    device = await openTestDevice();
    oracle = new Oracle();
    console.log(`${device.description}; ${await oracle.describe()}`);
  }, LIMIT_MS);
  afterAll(() => {
    oracle?.[Symbol.dispose]();
    device?.[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  /** The results of three runs on the same values: at once, as a graph, and as a graph again. */
  async function runs(
    one: RealCase,
    storage: Storage,
    values: ReadonlyMap<string, Values>,
  ): Promise<Map<string, Float32Array>[]> {
    const entries = Object.entries(one.buffers);
    const buffers = device.allocate(entries.map((entry) => specOf(entry, storage)));
    const find = (name: string): Buffer => buffers.get(name) as Buffer;
    using program = device.record((ops) => one.call(ops, find));
    const results: Map<string, Float32Array>[] = [];
    for (let run = 0; run < 3; run++) {
      for (const [name, data] of values)
        if (run === 0 || one.buffers[name].out === true) device.write(find(name), data);
      await device.run(program);
      const found = new Map<string, Float32Array>();
      for (const [name, { out }] of entries) if (out === true) found.set(name, await device.read(find(name)));
      results.push(found);
    }
    device.free(buffers.values());
    return results;
  }

  async function check(one: RealCase, storage: Storage): Promise<void> {
    const entries = Object.entries(one.buffers);
    const values = new Map(
      entries.map(([name, buffer], index) => {
        const first = valuesFrom(buffer.from, sizeOf(buffer.shape), index);
        return [name, stored(first, buffer, storage)] as const;
      }),
    );
    const [first, ...others] = await runs(one, storage, values);
    for (const other of others)
      for (const [name, found] of first)
        expect(sameBits(other.get(name) ?? new Float32Array(), found), `${name}: the same bits`).toBe(true);
    const write = (name: string, data: Values): string => {
      const path = join(folder, name);
      writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return path;
    };
    const given = entries.filter(([, { from }]) => from.kind !== "nothing");
    const distances = await oracle.ask({
      ...{ op: one.op, storage, sizes: one.sizes },
      inputs: Object.fromEntries(
        given.map(([name, { shape, dtype }]) => [
          name,
          { file: write(name, values.get(name) as Values), shape, dtype },
        ]),
      ),
      outputs: Object.fromEntries([...first].map(([name, found]) => [name, write(`${name}.out`, found)])),
    });
    for (const [name, { error, plain }] of Object.entries(distances)) {
      const isFloat32 = storage === "f32" || one.buffers[name].dtype === "f32";
      const limit = Math.max(2 * (plain ?? Number.NaN), isFloat32 ? ROUNDING : 0);
      expect(error, `${name} is a number`).not.toBeNull();
      expect(error, `${name}, plain loops ${plain}`).toBeLessThanOrEqual(limit);
    }
  }

  const both = (["f32", "bf16"] as const).flatMap((storage) =>
    [...REAL_CASES, adamwCase(storage)].map((one) => ({ ...one, storage })),
  );
  it.each(both)("$storage: $title", { timeout: LIMIT_MS }, (one) => check(one, one.storage));
});
