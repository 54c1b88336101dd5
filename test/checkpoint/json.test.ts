/** JSON that checkpoints write and the checks that `JSON.parse` lacks; names and steps of folders. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFileName, stepFolderName, stepOfFolderName } from "../../src/checkpoint/format.js";
import { encodeJson, hiddenTrouble } from "../../src/checkpoint/json.js";

describe("encodeJson", () => {
  it("writes values that come back equal", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // JSON itself cannot tell −0 from 0.
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(encodeJson(value))).toEqual(plain);
      }),
    );
  });

  it("refuses what would come back as something else, by its key", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, new Map(), new Set(), new Float32Array(1), 1n])
      expect(() => encodeJson({ outer: [{ bad }] })).toThrow(TypeError);
    expect(() => encodeJson({ loss: Number.NaN })).toThrow(/"loss" is NaN/);
  });
});

describe("hiddenTrouble", () => {
  it("finds nothing in what JSON.stringify writes, however indented", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 1, "\t"), (value, space) => {
        expect(hiddenTrouble(JSON.stringify(value, null, space), 100)).toBeNull();
      }),
    );
  });

  it("finds a key given twice at any depth, in any spelling, and not the same key in two objects", () => {
    expect(hiddenTrouble('{"a":1,"a":2}', 9)).toBe('"a" is given twice');
    expect(hiddenTrouble('[{"b":{"a":1 , "\\u0061"\n:2}}]', 9)).toBe('"a" is given twice');
    expect(hiddenTrouble('{"\\"":1,"\\"":2}', 9)).toMatch(/twice/);
    expect(hiddenTrouble('[{"a":1},{"a":2},{"b":{"a":{"a":1}},"a":"a"},["a","a"]]', 9)).toBeNull();
    expect(hiddenTrouble('{"a":"}{[","b":"\\\\"}', 9)).toBeNull();
  });

  it("counts nesting", () => {
    expect(hiddenTrouble("[[[]],[[]]]", 3)).toBeNull();
    expect(hiddenTrouble("[[[[]]]]", 3)).toMatch(/deeper than 3/);
  });

  it("ends on any text", () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[]":,\\a1 \n') });
    fc.assert(
      fc.property(text, (junk) => {
        try {
          hiddenTrouble(junk, 50);
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("step folders", () => {
  it("have names that sort as their steps up to 10^8, and read back at any size", () => {
    expect(stepFolderName(100)).toBe("step-00000100");
    fc.assert(fc.property(fc.nat({ max: 10 ** 15 - 1 }), (step) => stepOfFolderName(stepFolderName(step)) === step));
  });

  it("are not seen in other names", () => {
    const others = [
      "step-100",
      "step-0000000100",
      "step-00000100.partial-1-0",
      "Step-00000100",
      "step-00000100 ",
      "step-",
    ];
    for (const name of others) expect(stepOfFolderName(name), name).toBeNull();
  });
});

describe("isFileName", () => {
  it("takes plain names only", () => {
    expect(["tokenizer.json", "tokenizer_config.json", "a-b.c_1"].every(isFileName)).toBe(true);
    expect(["", ".", "..", ".hidden", "a/b", "a\\b", "../a", "a\0", "a".repeat(300)].some(isFileName)).toBe(false);
  });
});
