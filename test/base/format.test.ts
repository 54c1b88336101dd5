import { describe, expect, it } from "vitest";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatRate,
  formatSeconds,
  formatTable,
  wrapText,
} from "../../src/base/format.js";

describe("formatCount", () => {
  it.each([
    [0, "0"],
    [950, "950"],
    [1234, "1.23k"],
    [3_400_000, "3.4M"],
    [8e9, "8B"],
    [1.5e15, "1500T"],
    [-2500, "-2.5k"],
    [0.1234, "0.123"],
  ])("%d is %s", (value, text) => expect(formatCount(value)).toBe(text));
});

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [3 * 2 ** 30, "3 GiB"],
  ])("%d is %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe("formatSeconds", () => {
  it.each([
    [0.0123, "12 ms"],
    [1, "1 s"],
    [59.4, "59 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [7620, "2 h 07 min"],
    [Number.POSITIVE_INFINITY, "unknown"],
  ])("%d is %s", (seconds, text) => expect(formatSeconds(seconds)).toBe(text));
});

describe("signs and rates", () => {
  it("shows a change with its sign", () => {
    expect(formatChange(0.03125)).toBe("+0.0313");
    expect(formatChange(-1, 1)).toBe("-1.0");
    expect(formatChange(0)).toBe("+0.0000");
  });
  it("shows a learning rate in powers of ten", () => {
    expect(formatRate(0.0003)).toBe("3.00e-4");
    expect(formatRate(0)).toBe("0");
  });
});

describe("formatTable", () => {
  it("aligns the first column left and the rest right, whatever their widths", () => {
    expect(
      formatTable([
        ["domain", "loss"],
        ["a", "10.5"],
        ["longer", "1"],
      ]),
    ).toEqual(["domain  loss", "a       10.5", "longer     1"]);
  });
  it("takes rows shorter than the head", () => {
    expect(formatTable([["a", "b", "c"], ["x"]])).toEqual(["a  b  c", "x"]);
  });
});

describe("wrapText", () => {
  it("cuts at spaces and never within a word", () => {
    expect(wrapText("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapText("one two three", 6)).toEqual(["one", "two", "three"]);
    expect(wrapText("a longword b", 4)).toEqual(["a", "longword", "b"]);
    expect(wrapText("", 4)).toEqual([""]);
  });
});
