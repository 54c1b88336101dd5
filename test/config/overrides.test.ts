import { describe, expect, it } from "vitest";
import { complaint, loadText, SMALL } from "./temporary-plan.js";

describe("--set", () => {
  it("changes a value before the plan is validated", async () => {
    const plan = await loadText(SMALL, [
      "run=other",
      "stages[0].steps=2_000",
      "optimizer.clip=null",
      "model.tied=true",
    ]);
    expect(plan.run).toBe("other");
    expect(plan.stages[0]?.steps).toBe(2000);
    expect(plan.optimizer.clip).toBeNull();
    expect(plan.model.tied).toBe(true);
  });

  it("repairs a value that is wrong in the file", async () => {
    const broken = SMALL.replace("width: 64", "width: wide");
    expect((await loadText(broken, ["model.width=32"])).model.width).toBe(32);
  });

  it("replaces whole sections, written as YAML", async () => {
    const plan = await loadText(SMALL, ["stages[0].mixture={ text: 1 }", "data.domains.text.documents=[a, b]"]);
    expect(plan.stages[0]?.mixture).toEqual([{ domain: "text", share: { numerator: 1, denominator: 1 } }]);
    expect(plan.data.domains[1]?.documents?.paths).toEqual(["/root/a", "/root/b"]);
  });

  it("makes the sections on the way", async () => {
    const plan = await loadText(SMALL, ["begin.mode=weights", "begin.from=base", "model.rope.theta=5e5"]);
    expect(plan.begin).toEqual({ mode: "weights", from: "/root/base" });
    expect(plan.model.ropeTheta).toBe(500_000);
  });

  it("removes a key with an empty value", async () => {
    const plan = await loadText(SMALL, ["stages[0].steps=", "stages[0].tokens=1M"]);
    expect(plan.stages[0]?.steps).toBe(Math.ceil(1_000_000 / 256));
  });

  it("applies in order: the last word counts", async () => {
    expect((await loadText(SMALL, ["seed=1", "seed=2"])).seed).toBe(2);
  });

  it("does not change the value where an alias is shared", async () => {
    const text = SMALL.replace("{ documents: text.jsonl }", "&d { documents: text.jsonl }").replace(
      "\nmodel:",
      "\n    code: *d\nmodel:",
    );
    const plan = await loadText(text, ["data.domains.code.documents=code.jsonl"]);
    expect(plan.data.domains.map((domain) => domain.documents?.paths)).toEqual([
      undefined,
      ["/root/text.jsonl"],
      ["/root/code.jsonl"],
    ]);
  });

  it.each([
    [
      "stages[0].steps=lots",
      '--set stages[0].steps=lots: this value cannot be used\n  expected: a whole number of at least 1\n  got: "lots"',
    ],
    [
      "stages[0].stepss=5",
      "--set stages[0].stepss=5: unknown key `stepss`\n" +
        "  expected: one of `name`, `tokens`, `steps`, `sequenceLength`, `tokensPerStep`, `mixture`, `replay`, `recipe`, `schedule`, `packing`, `maxEpochs`\n" +
        "  hint: did you mean `steps`?",
    ],
    [
      "optimiser.clip=2",
      "--set optimiser.clip=2: unknown key `optimiser`\n" +
        "  expected: one of `run`, `seed`, `checkpointFolder`, `begin`, `data`, `model`, `stages`, `optimizer`, `engine`, `evaluation`, `checkpoint`, `report`\n" +
        "  hint: did you mean `optimizer`?",
    ],
    ["stages[1].steps=5", "--set stages[1].steps=5: there is no `stages[1]`: the list has 1"],
    ["stages.first.steps=5", "--set stages.first.steps=5: `stages` is not a section but a list of 1"],
    ["run.name=a", '--set run.name=a: `run` is not a section but "small"'],
    ["run[0]=a", '--set run[0]=a: `run` is not a list but "small"'],
    ["begin[0]=a", "--set begin[0]=a: `begin` is not a list but nothing"],
    ["stages[0]=", "--set stages[0]=: an item of a list cannot be removed"],
    [
      "stages[0].steps",
      "--set stages[0].steps: this is not of the form path=value\n  hint: such as stages[0].tokens=1M",
    ],
    ["=5", "--set =5: this is not of the form path=value\n  hint: such as stages[0].tokens=1M"],
    ["stages[x]=5", "--set stages[x]=5: this is not of the form path=value\n  hint: such as stages[0].tokens=1M"],
    ["model.__proto__.width=5", "--set model.__proto__.width=5: `__proto__` cannot be a key"],
    ["run=[a", "--set run=[a: the value cannot be read: YAML syntax: Flow sequence must end with a ]"],
  ])("says what is wrong with %s", async (override, message) => {
    expect(await complaint(SMALL, [override])).toBe(message);
  });

  it("names the override for what it covers, and the path within it", async () => {
    expect(await complaint(SMALL, ["stages[0].mixture={ agent: 1, txt: 1 }"])).toMatch(
      /^--set stages\[0\]\.mixture=\{ agent: 1, txt: 1 \} stages\[0\]\.mixture\.txt: there is no domain `txt`/,
    );
    expect(await complaint(SMALL, ["run="])).toMatch(/^--set run=: `run` is missing/);
  });

  it("shortens a long one", async () => {
    const message = await complaint(SMALL, [`run=${"x".repeat(200)}`]);
    expect(message.split("\n")[0]).toBe(`--set run=${"x".repeat(56)}…: this value cannot be used`);
  });

  it("comes with all other problems, after the file's", async () => {
    const message = await complaint(SMALL.replace("layers: 2", "layers: 0"), ["seed=-1", "nonsense"]);
    expect(message.split("\n").filter((line) => !line.startsWith("  "))).toEqual([
      "plan.yaml:9 model.layers: this value cannot be used",
      "--set nonsense: this is not of the form path=value",
      "--set seed=-1: this value cannot be used",
    ]);
  });

  it("cannot make a plan of what is none", async () => {
    expect(await complaint("hello", ["run=a"])).toMatch(/the plan is not a section but "hello"$/m);
  });
});
