/** Rules between the keys of `engine`. */
import { describe, expect, it } from "vitest";
import { complaint, loadText, SMALL } from "./temporary-plan.js";

const HINT = "hint: bf16 needs `kind: native-cuda`; `auto` takes what the engine can do";

describe("engine", () => {
  it.each([
    [{}, { kind: "auto", device: 0, precision: "auto", optimizerMemory: "auto" }],
    [{ kind: "native-cuda", device: 3, precision: "bf16", optimizerMemory: "bf16" }, {}],
    [{ precision: "bf16" }, {}],
    [{ optimizerMemory: "bf16" }, {}],
    [{ precision: "fp32", optimizerMemory: "fp32", kind: "native-cpu" }, {}],
  ])("takes %j", async (given, more) => {
    expect((await loadText(SMALL, [`engine=${JSON.stringify(given)}`])).engine).toMatchObject({ ...given, ...more });
  });

  it.each([
    ["native-cpu", "precision: bf16", /engine\.precision: the engine native-cpu computes in fp32 only\n {2}got: bf16/],
    ["tfjs-wasm", "precision: bf16", /engine\.precision: the engine tfjs-wasm computes in fp32 only/],
    ["native-cpu", "optimizerMemory: bf16", /engine\.optimizerMemory: .*\n {2}got: kind native-cpu, which computes/],
    ["native-cuda", "precision: fp32, optimizerMemory: bf16", /engine\.optimizerMemory: .*\n {2}got: precision fp32/],
  ])("on %s refuses %s", async (kind, keys, message) => {
    const text = await complaint(SMALL, [`engine={ kind: ${kind}, ${keys} }`]);
    expect(text).toMatch(message);
    expect(text).toContain(HINT);
  });

  it.each(["device=-1", "precision=fp16", "optimizerMemory=8", "kind=cuda"])("refuses %s", async (value) => {
    expect(await complaint(SMALL, [`engine.${value}`])).toMatch(/this value cannot be used\n {2}expected: /);
  });
});

describe("data.tokenizer.vocabulary", () => {
  it("goes with a file", async () => {
    const of = (tokenizer: string) => [`data.tokenizer=${tokenizer}`];
    const plan = await loadText(SMALL, of("{ file: t.json, vocabulary: 128_256 }"));
    expect(plan.data.tokenizer).toMatchObject({ kind: "file", vocabulary: 128_256 });
    expect((await loadText(SMALL, of("{ file: t.json }"))).data.tokenizer).toMatchObject({ vocabulary: null });
    expect(await complaint(SMALL, of("{ train: { vocabulary: 300 }, vocabulary: 300 }"))).toMatch(
      /data\.tokenizer\.vocabulary: `vocabulary` goes with `file`/,
    );
  });
});
