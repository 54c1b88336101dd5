import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decimalText,
  parseBytes,
  parseCount,
  parseDuration,
  parseNumber,
  parseShare,
  parseWhole,
} from "../../src/config/quantities.js";

describe("parseCount", () => {
  it.each([
    [0, 0],
    [12, 12],
    ["12", 12],
    ["8_000", 8000],
    ["300k", 300_000],
    ["300K", 300_000],
    ["2M", 2_000_000],
    ["1.5B", 1_500_000_000],
    ["3G", 3_000_000_000],
    ["1T", 1_000_000_000_000],
    ["1.1M", 1_100_000],
    ["4.35M", 4_350_000],
    [" 2 M ", 2_000_000],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])("reads %j as %d", (text, value) => {
    expect(parseCount(text)).toBe(value);
  });

  it.each([
    [-1],
    [1.5],
    ["1.5"],
    ["1.0001k"],
    ["-3"],
    ["2m"],
    ["2MB"],
    ["6MiB"],
    ["_8"],
    ["8__0"],
    ["8_"],
    ["1e3k"],
    [""],
    ["k"],
    ["9007199254740993"],
    ["99999T"],
    [2 ** 53],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [null],
    [undefined],
    [true],
    [[1]],
    [{}],
  ])("refuses %j", (text) => {
    expect(parseCount(text)).toBeNull();
  });

  it("reads every count that it is given in any spelling", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(["k", 1e3], ["M", 1e6]), (value, [unit, scale]) => {
        expect(parseCount(value)).toBe(value);
        expect(parseCount(value.toLocaleString("en").replaceAll(",", "_"))).toBe(value);
        expect(parseCount(`${value}${unit}`)).toBe(value * Number(scale));
      }),
    );
  });
});

describe("parseBytes", () => {
  it.each([
    ["20GiB", 20 * 2 ** 30],
    ["1.5 GiB", 1.5 * 2 ** 30],
    ["1_024 KiB", 2 ** 20],
    ["8TiB", 2 ** 43],
    // 1181116006.4 bytes.
    ["1.1GiB", 1_181_116_006],
    ["16GB", 16e9],
    ["1.5kB", 1500],
    ["64 B", 64],
    ["300M", 300_000_000],
    ["12", 12],
    [12, 12],
  ])("reads %j as %d", (text, value) => {
    expect(parseBytes(text)).toBe(value);
  });

  it.each([
    ["20gib"],
    ["20GIB"],
    ["20Gi"],
    ["GiB"],
    ["-1GiB"],
    ["1.GiB"],
    ["1__0MiB"],
    ["1.5B"],
    ["1e3MiB"],
    ["9999999TiB"],
    ["1 G B"],
    [1.5],
    [null],
    [true],
  ])("refuses %j", (text) => {
    expect(parseBytes(text)).toBeNull();
  });
});

describe("parseWhole", () => {
  it.each([
    [12, 12],
    ["12", 12],
    ["4_096", 4096],
  ])("reads %j as %d", (text, value) => {
    expect(parseWhole(text)).toBe(value);
  });

  it.each([["4k"], ["4.0"], [4.5], [-4], ["-4"], [null]])("refuses %j: 4k is not 4096", (text) => {
    expect(parseWhole(text)).toBeNull();
  });
});

describe("parseNumber", () => {
  it.each([
    [1e-3, 0.001],
    ["1e-3", 0.001],
    ["+.5", 0.5],
    ["-2.", -2],
  ])("reads %j as %d", (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each([["1e999"], ["0x10"], [""], ["1e"], ["Infinity"], [Number.NaN], [false], [[2]]])("refuses %j", (text) => {
    expect(parseNumber(text)).toBeNull();
  });
});

describe("parseShare", () => {
  it.each([
    ["3%", 3, 100],
    [0.03, 3, 100],
    ["0.03", 3, 100],
    ["1/3", 1, 3],
    [0.1, 1, 10],
    [1e-7, 1, 10_000_000],
    [1, 1, 1],
    [0, 0, 1],
    ["100%", 1, 1],
  ])("reads %j exactly", (text, numerator, denominator) => {
    expect(parseShare(text)).toEqual({ numerator, denominator });
  });

  it.each([["101%"], [1.01], ["-1%"], [-0.1], ["4/3"], ["a"], [Number.NaN], [null]])("refuses %j", (text) => {
    expect(parseShare(text)).toBeNull();
  });

  it("reads a number as the decimal that was written, up to 15 digits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 999_999_999 }), (digits) => {
        const text = `0.${String(digits).padStart(9, "0")}`;
        expect(parseShare(Number(text))).toEqual(parseShare(text));
      }),
    );
  });
});

describe("parseDuration", () => {
  it.each([
    [100, { unit: "steps", steps: 100 }],
    ["100", { unit: "steps", steps: 100 }],
    ["2k steps", { unit: "steps", steps: 2000 }],
    ["1 step", { unit: "steps", steps: 1 }],
    ["2M tokens", { unit: "tokens", tokens: 2_000_000 }],
    ["1 token", { unit: "tokens", tokens: 1 }],
    ["5%", { unit: "share", share: { numerator: 1, denominator: 20 } }],
    ["12.5 %", { unit: "share", share: { numerator: 1, denominator: 8 } }],
    [0, { unit: "steps", steps: 0 }],
  ])("reads %j", (text, value) => {
    expect(parseDuration(text)).toEqual(value);
  });

  it.each([[0.05], ["0.05"], [-1], ["110%"], ["-5%"], ["tokens"], ["%"], [""], ["5 epochs"], [null], [[5]], [{}]])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});

describe("decimalText", () => {
  it("is the text that was written, or the shortest decimal of a number", () => {
    expect(decimalText(" 36% ")).toBe("36%");
    expect(decimalText(0.1)).toBe("0.1");
    expect(decimalText(Number.POSITIVE_INFINITY)).toBeNull();
    expect(decimalText(true)).toBeNull();
  });
});
