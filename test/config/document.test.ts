import { describe, expect, it } from "vitest";
import { parseYaml } from "../../src/config/document.js";

function complaintOf(text: string): string {
  try {
    parseYaml(text, "plan.yaml");
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
  throw new Error("the text was read");
}

describe("parseYaml", () => {
  it("gives plain values", () => {
    const text = "a: 1\nb: [x, 2.5, true, null]\nc: { d: '3' }\ne: 8_000\nf: 1e-3\n";
    expect(parseYaml(text, "p").value).toEqual({
      a: 1,
      b: ["x", 2.5, true, null],
      c: { d: "3" },
      e: "8_000",
      f: 0.001,
    });
  });

  it("reads JSON", () => {
    const value = { run: "x", stages: [{ tokens: 1e6, mixture: { a: 0.5, b: "1/2" } }], clip: null };
    expect(parseYaml(JSON.stringify(value, null, 2), "p").value).toEqual(value);
  });

  it("knows the line of every place: of the key, and of the item", () => {
    const { lines } = parseYaml("# comment\na:\n  b:\n    - 1\n    - c: 2\n      d:\n        3\n", "p");
    expect(Object.fromEntries(lines)).toEqual({
      "": 1,
      a: 2,
      "a.b": 3,
      "a.b[0]": 4,
      "a.b[1]": 5,
      "a.b[1].c": 5,
      "a.b[1].d": 6,
    });
  });

  it("counts lines that end in CR LF, after a byte order mark too", () => {
    expect(parseYaml("\u{feff}a: 1\r\nb: 2\r\n", "p").lines.get("b")).toBe(2);
  });

  it("takes a key with nothing after it as not written, and null as null", () => {
    expect(parseYaml("a:\n# b: 1\nc: null\nd: ~\ne: ''\nf:\n  -\n  - 1\n", "p").value).toEqual({
      c: null,
      d: null,
      e: "",
      f: [undefined, 1],
    });
  });

  it("copies aliases out and knows the lines where their content is", () => {
    const { value, lines } = parseYaml("a: &x\n  b: 1\nc: *x\n", "p");
    expect(value).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(lines.get("c")).toBe(3);
    expect(lines.get("c.b")).toBe(2);
  });

  it("is undefined for an empty text", () => {
    expect(parseYaml("", "p").value).toBeUndefined();
    expect(parseYaml("# nothing\n", "p").value).toBeUndefined();
  });

  it("keeps dates, octals and yes as they were written, whatever version the text claims", () => {
    expect(parseYaml("a: 2001-01-01\nb: yes\nc: 0o10\n", "p").value).toEqual({ a: "2001-01-01", b: "yes", c: 8 });
    expect(parseYaml("%YAML 1.1\n---\na: 2001-01-01\n", "p").value).toEqual({ a: "2001-01-01" });
  });

  it.each([
    ["a: 1\nb: 2\na: 3\n", "plan.yaml:3: the key `a` is written twice\n  hint: keep one of them"],
    ["a: 1\nb:\n\tc: 1\n", "plan.yaml:3: a tab cannot indent YAML\n  hint: use spaces"],
    ["a: 1\nb: !thing 3\n", "plan.yaml:2: tags have no meaning in a plan\n  got: !thing"],
    ["a: 1\n---\nb: 1\n", "plan.yaml:2: a plan is one YAML document\n  hint: remove the line `---`"],
    ["a: 1\n? [b]\n: 2\n", "plan.yaml:2: a key must be plain text\n  got: ["],
    ["a: 1\nb: *none\n", "plan.yaml:2: the alias `*none` names nothing"],
    ["a: &x { b: *x }\n", "plan.yaml:1: this is larger than any plan"],
    ["a: 1\n__proto__: { b: 1 }\n", "plan.yaml:2: `__proto__` cannot be a key"],
    ["[".repeat(40) + "]".repeat(40), "plan.yaml:1: this is larger than any plan"],
  ])("says what is wrong with %j", (text, message) => {
    expect(complaintOf(text)).toBe(message);
  });

  it("says every syntax error with its line, up to ten", () => {
    expect(complaintOf("a: 1\na: 2\nb: { c: 1, c: 2 }\n").split("\n  hint: keep one of them")).toHaveLength(3);
    const many = Array.from({ length: 30 }, () => "a: 1\n").join("");
    expect(complaintOf(many).match(/written twice/g)).toHaveLength(10);
  });

  it("says where an open bracket was not closed", () => {
    expect(complaintOf("a: [1, 2\nb: 1\n")).toMatch(/^plan\.yaml:2: YAML syntax: Flow sequence .*[^.]$/m);
  });

  it("stops at a billion laughs within moments", () => {
    const level = (name: string, of: string): string => `${name}: &${name} [${`*${of}, `.repeat(9)}]\n`;
    const names = [..."abcdefghij"];
    const text = `a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n${names
      .slice(1)
      .map((name, i) => level(name, names[i] ?? ""))
      .join("")}`;
    expect(complaintOf(text)).toMatch(/^plan\.yaml:\d+: this is larger than any plan$/);
  });

  it("survives brackets that exhaust the parser's stack", () => {
    expect(complaintOf("[".repeat(50_000))).toMatch(/^plan\.yaml:1: /);
  });
});
