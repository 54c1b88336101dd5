/** The bf16 contract on plain loops, and that it would notice devices that do one thing wrong. */
import { describe, expect, it } from "vitest";
import {
  type AdamwOptions,
  type Buffer,
  type Device,
  type Operations,
  SCALARS,
} from "../../../src/engine/native/device.js";
import { architectureOf, batchOf } from "../cases.js";
import { bf16Contract } from "./bf16-contract.js";
import { checkBits, checkDrift, checkIndependence, checkRanges, checkUnbiased } from "./bf16-contract-chance.js";
import { lossesAndGradients } from "./bf16-contract-numbers.js";
import { checkMaster, checkSmallSteps } from "./bf16-contract-optimizer.js";
import { checkSum, checkWritten, SUMS } from "./bf16-contract-rounding.js";
import { expectationOn, expectWithin, type OpenDevice, type Subject } from "./bf16-measure.js";
import { roundBf16 } from "./plain-adamw.js";
import { plainDevice } from "./plain-device.js";

bf16Contract("plain loops", () => plainDevice());

/** What a device does otherwise than the plain one. */
interface Fault {
  readonly written?: (data: Float32Array | Int32Array) => Float32Array | Int32Array;
  readonly adamw?: (options: AdamwOptions) => AdamwOptions;
  /** After every program, with all buffers that were allocated, by name. */
  readonly afterwards?: (device: Device, buffers: ReadonlyMap<string, Buffer>) => Promise<void>;
}

function faulty(device: Device, { written = (data) => data, adamw, afterwards }: Fault): Device {
  const known = new Map<string, Buffer>();
  const recorded = (ops: Operations): Operations =>
    new Proxy(ops, {
      get: (target, name) =>
        name === "adamw" && adamw !== undefined
          ? (...[w, m, v, g, scalars, options]: Parameters<Operations["adamw"]>) =>
              target.adamw(w, m, v, g, scalars, adamw(options))
          : Reflect.get(target, name),
    });
  return {
    ...device,
    allocate: (specs) => {
      const made = device.allocate(specs);
      for (const [name, buffer] of made) known.set(name, buffer);
      return made;
    },
    write: (buffer, data) => device.write(buffer, data instanceof Uint16Array ? data : written(data)),
    record: (body) => device.record((ops) => body(recorded(ops))),
    run: async (program) => {
      await device.run(program);
      await afterwards?.(device, known);
    },
  };
}

function subjectOf(open: OpenDevice): Subject {
  return { open, adapted: (same) => same, shares: new Map() };
}

/** The bf16 number towards zero. */
function truncated(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] &= 0xffff0000;
  return new Float32Array(bits.buffer)[0];
}

/** Exact loops, whose bf16 buffers are rounded otherwise than by chance when a program has run. */
const roundedBy = (round: (value: number) => number): OpenDevice => {
  const afterwards: Fault["afterwards"] = async (device, buffers) => {
    for (const buffer of buffers.values())
      if (buffer.dtype === "bf16") device.write(buffer, (await device.read(buffer)).map(round));
  };
  return () => faulty(plainDevice({ storage: "f64" }), { afterwards });
};

const withKeys = (change: (keys: Float32Array) => void): OpenDevice => {
  const written: Fault["written"] = (data) => {
    if (data.length !== SCALARS.length || data instanceof Int32Array) return data;
    const copy = data.slice();
    change(copy.subarray(SCALARS.indexOf("roundingKey1")));
    return copy;
  };
  return () => faulty(plainDevice(), { written });
};

describe("the bf16 contract would notice", () => {
  it("weights that are cut when they are written", async () => {
    const written: Fault["written"] = (data) => (data instanceof Float32Array ? data.map(truncated) : data);
    await expect(checkWritten(() => faulty(plainDevice(), { written }))).rejects.toThrow();
  });

  it.each(SUMS.filter(({ buffers }) => buffers["out"]?.[0] !== "f32"))(
    "results that are cut: of $name",
    async (one) => {
      await expect(checkSum(() => plainDevice({ bf16: truncated }), one)).rejects.toThrow();
    },
  );

  it.each(SUMS.filter(({ name }) => /product|gradient/.test(name)))("sums in bf16: of $name", async (one) => {
    await expect(checkSum(() => plainDevice({ arithmetic: { round: (x) => roundBf16(x) } }), one)).rejects.toThrow();
  });

  it("sums in bf16, by the distance of losses and gradients", async () => {
    const architecture = architectureOf({ layers: 1, width: 40 });
    const model = { architecture, batch: batchOf(architecture, { length: 7 }) };
    const expected = await expectationOn((open) => lossesAndGradients(open, model));
    const found = (round: (x: number) => number) =>
      lossesAndGradients(() => plainDevice({ arithmetic: { round } }), model);
    const plain = subjectOf(() => plainDevice());
    expectWithin(plain, "right", await found(Math.fround), expected);
    const coarse = await found((x) => roundBf16(x));
    expect(() => expectWithin(plain, "coarse", coarse, expected)).toThrow(/coarse: further/);
  });

  it("weights that are not the rounding of their master", async () => {
    const afterwards: Fault["afterwards"] = async (device, buffers) => {
      const [weight, master] = [buffers.get("weight") as Buffer, buffers.get("master") as Buffer];
      device.write(weight, (await device.read(master)).map(truncated));
    };
    await expect(checkMaster(subjectOf(() => faulty(plainDevice(), { afterwards })))).rejects.toThrow(
      /after 1 updates/,
    );
  });

  it("rounding to nearest instead of by chance", async () => {
    const subject = subjectOf(roundedBy((value) => roundBf16(value)));
    await expect(checkDrift(subject)).rejects.toThrow(/drift/);
    await expect(checkIndependence(subject)).rejects.toThrow(/ups/);
    await expect(checkSmallSteps(subject)).rejects.toThrow(/small steps/);
    await expect(checkBits(subject, 0)).rejects.toThrow(/other bits/);
  });

  it("cutting instead of chance", async () => {
    await expect(checkUnbiased(subjectOf(roundedBy(truncated)))).rejects.toThrow(/bias/);
  });

  it("the same bits at every update", async () => {
    const subject = subjectOf(withKeys((keys) => keys.fill(77)));
    await expect(checkDrift(subject)).rejects.toThrow(/drift|spread/);
    await expect(checkIndependence(subject)).rejects.toThrow(/updates/);
  });

  it.each([
    [
      "elements",
      (name: string, values: Float32Array) => (name === "weight" ? values.map((_, i) => values[i & ~1]) : values),
    ],
    [
      "tensors",
      (name: string, values: Float32Array, weight: Float32Array) =>
        name === "moment1" ? weight.map((w) => (w < 1.5 ? 1 : 1.0078125)) : values,
    ],
  ] as const)("bits that %s share", async (what, spoilt) => {
    const afterwards: Fault["afterwards"] = async (device, buffers) => {
      const weight = await device.read(buffers.get("weight") as Buffer);
      for (const [name, buffer] of buffers) device.write(buffer, spoilt(name, await device.read(buffer), weight));
    };
    const subject = subjectOf(() => faulty(plainDevice(), { afterwards }));
    await expect(checkIndependence(subject)).rejects.toThrow(what);
  });

  it("a key that is forgotten", async () => {
    for (const key of [0, 1])
      await expect(checkBits(subjectOf(withKeys((keys) => keys.fill(0, key, key + 1))), 0)).rejects.toThrow(
        /other bits/,
      );
  });

  it("bits that are counted from the range's beginning", async () => {
    const open = () => faulty(plainDevice(), { adamw: ({ first: _, ...options }) => options });
    await expect(checkRanges(open)).rejects.toThrow();
    for (const first of [8, 2 ** 40]) await expect(checkBits(subjectOf(open), first)).rejects.toThrow(/other bits/);
  });

  it("an element's number whose upper word is forgotten", async () => {
    const adamw: Fault["adamw"] = ({ first = 0, ...options }) => ({ ...options, first: first % 2 ** 35 });
    await expect(
      checkBits(
        subjectOf(() => faulty(plainDevice(), { adamw })),
        2 ** 40,
      ),
    ).rejects.toThrow(/other bits/);
  });
});
