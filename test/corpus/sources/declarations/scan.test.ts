/** The scanner of TypeScript declarations: what stands in them, and that nothing makes it fail or run away. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanDeclarations } from "../../../../src/corpus/sources/declarations/scan.js";

const TEXT = `import { Thing } from "./thing.js";
// It's a comment; with { brackets
/**
 * Bakes a cake.
 * @param name - Who it is for
 */
export declare function bake<T extends { a: string }>(name: string, layers?: Array<Layer<"a;b" | 'c}'>>, ...rest: T[]): Promise<Cake>;
export declare namespace Kitchen {
    /** A cake. */
    interface Cake {
        /** Its number. */
        id?: string | null;
        'of-what': { a: number; b: string };
        /** Eats it. */
        eat(how: (bite: number, last: boolean) => void): void;
    }
    class Oven extends Base<Map<string, number>> {
        private secret;
        constructor(heat: number);
        /** Heats. */
        static heat(degrees: number): Promise<void>;
        on: boolean;
    }
    type Alias = { /** no */ a: string };
}
export {};
/** Last. */
export declare function last(): void;
`;

describe("scanDeclarations", () => {
  const found = scanDeclarations(TEXT);
  const named = (name: string) => found.find((member) => member.name === name);

  it("finds functions, methods and fields with what is around them", () => {
    expect(
      found.map(({ owners, name, parameters }) => [...owners, parameters === null ? name : `${name}()`].join(".")),
    ).toEqual([
      "bake()",
      "Kitchen.Cake.id",
      "Kitchen.Cake.of-what",
      "Kitchen.Cake.eat()",
      "Kitchen.Oven.heat()",
      "Kitchen.Oven.on",
      "last()",
    ]);
  });

  it("gives doc comments to what follows them, and to nothing else", () => {
    expect(named("bake")?.doc).toBe("Bakes a cake.\n@param name - Who it is for");
    expect(named("id")?.doc).toBe("Its number.");
    expect(named("of-what")?.doc).toBe("");
    expect(named("last")?.doc).toBe("Last.");
  });

  it("splits parameters at their own commas, and reads types as they are written", () => {
    expect(named("bake")).toMatchObject({
      type: "Promise<Cake>",
      parameters: [
        { name: "name", type: "string", optional: false },
        { name: "layers", type: `Array<Layer<"a;b" | 'c}'>>`, optional: true },
        { name: "rest", type: "T[]", optional: true },
      ],
    });
    expect(named("eat")?.parameters).toEqual([
      { name: "how", type: "(bite: number, last: boolean) => void", optional: false },
    ]);
    expect(named("id")).toMatchObject({ type: "string | null", optional: true, parameters: null });
  });

  it("ends on anything, without failing", () => {
    const mutated = fc
      .tuple(fc.nat(TEXT.length), fc.nat(TEXT.length), fc.string({ unit: "binary" }))
      .map(([from, to, put]) => TEXT.slice(0, from) + put + TEXT.slice(to));
    fc.assert(
      fc.property(mutated, (text) => {
        for (const { name } of scanDeclarations(text)) expect(name).not.toBe("");
      }),
      { numRuns: 500 },
    );
  });

  it("takes time in proportion to the text, and no stack, for nesting without an end", () => {
    for (const open of ["{", "(", "<", "namespace a {", "/** ", "'", "`", "a: ("]) {
      const began = performance.now();
      expect(scanDeclarations(open.repeat(100_000)).length).toBeLessThan(2);
      // Some milliseconds; the square of the length would be minutes.
      expect(performance.now() - began).toBeLessThan(5000);
    }
  });
});
