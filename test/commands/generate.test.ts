/** `generate` with a tiny trained model: by its plan, and by its folder alone. */
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GenerateOptions, type GenerateReport, generate } from "../../src/commands/generate.js";
import { train } from "../../src/train.js";
import { captured, makeProject, type Project } from "../end-to-end/project.js";

let project: Project;
let base: GenerateOptions;
/** A checkpoint with a tokenizer beside it. */
let folder: string;

beforeAll(async () => {
  project = await makeProject();
  const outcome = await train(await project.plan(), {
    ...{ resume: null, stop: { requested: false }, progress: captured() },
  });
  folder = outcome.checkpoint ?? "";
  base = {
    model: { plan: await project.plan(), checkpoint: null },
    ...{
      prompts: ["agent 1: call"],
      promptsFile: null,
      messagesFile: null,
      chat: false,
      template: null,
      stops: [],
      json: false,
    },
    ...{ tokens: 20, temperature: 0.8, topK: null, topP: null, seed: 1 },
    ...{ write: () => {}, progress: captured() },
  };
}, 60_000);
afterAll(async () => project[Symbol.asyncDispose]());

async function texts(changes: Partial<GenerateOptions> = {}): Promise<string[]> {
  return (await generate({ ...base, ...changes })).completions.map(({ text }) => text);
}

describe("generate", () => {
  it("streams the prompt and its continuation, the same for the same seed", async () => {
    const out = captured();
    const [text] = await texts({ write: (part) => out.write(part) });
    expect(out.text).toBe(`agent 1: call${text}\n`);
    expect(text.length).toBeGreaterThan(0);
    expect(await texts()).toEqual([text]);
    expect(await texts({ seed: 2 })).not.toEqual([text]);
  });

  it("starts a new document where there is no prompt", async () => {
    const { completions } = await generate({ ...base, prompts: [], temperature: 0 });
    expect(completions).toMatchObject([{ prompt: "", promptTokens: 1 }]);
  });

  it("continues several prompts as it does each of them, from the command line and a file", async () => {
    const promptsFile = join(project.folder, "prompts.jsonl");
    await writeFile(promptsFile, '"text 5: the"\n\n{ "prompt": "code 2: const x = y + 1;" }\n');
    const together = await texts({ promptsFile, temperature: 0 });
    expect(together).toHaveLength(3);
    const alone: string[] = [];
    for (const prompt of ["agent 1: call", "text 5: the", "code 2: const x = y + 1;"])
      alone.push(...(await texts({ prompts: [prompt], temperature: 0 })));
    expect(together).toEqual(alone);
  });

  it("draws for the first row what it draws for it alone", async () => {
    const [first] = await texts({ prompts: ["agent 1: call", "text 5: the"] });
    expect([first]).toEqual(await texts());
  });

  it("ends at a stop string, which may lie across tokens, and shows nothing of it", async () => {
    const [text] = await texts({ temperature: 0 });
    const stop = text.slice(5, 9);
    const out = captured();
    const { completions } = await generate({
      ...base,
      temperature: 0,
      stops: [stop],
      write: (part) => out.write(part),
    });
    expect(completions).toMatchObject([{ text: text.slice(0, text.indexOf(stop)), finish: "stop" }]);
    expect(out.text).toBe(`agent 1: call${completions[0].text}\n`);
  });

  it("prints JSON that is its return value: prompts, texts, counts, speed", async () => {
    const out = captured();
    const report = await generate({ ...base, json: true, write: (part) => out.write(part) });
    expect(JSON.parse(out.text)).toEqual(report);
    expect(report).toMatchObject({ model: folder, engine: "tfjs-cpu", tokensPerSecond: expect.any(Number) });
    const [{ tokens, promptTokens, finish }] = report.completions;
    expect({ tokens, finish }).toEqual(finish === "end" ? { tokens, finish } : { tokens: 20, finish: "length" });
    expect(promptTokens).toBeGreaterThan(0);
  });

  it("needs no plan where a tokenizer stands beside the model", async () => {
    const alone = { model: { folder, engine: "tfjs-cpu" }, temperature: 0 } as const;
    await rename(join(folder, "tokenizer.json"), join(folder, "elsewhere.json"));
    await expect(generate({ ...base, ...alone })).rejects.toThrow(/tokenizer\.json/);
    await rename(join(folder, "elsewhere.json"), join(folder, "tokenizer.json"));
    const report: GenerateReport = await generate({ ...base, ...alone });
    expect(report.completions.map(({ text }) => text)).toEqual(await texts({ temperature: 0 }));
  });

  it("reports every impossible option at once, and every prompt that is too long", async () => {
    const wrong = generate({ ...base, temperature: -1, topK: 0, topP: 2, tokens: 0, stops: [""] });
    await expect(wrong).rejects.toThrow(/temperature[\s\S]*top-k[\s\S]*top-p[\s\S]*tokens[\s\S]*stop/);
    const prompts = ["word ".repeat(200), "short", "word ".repeat(100)];
    await expect(generate({ ...base, prompts })).rejects.toThrow(
      /prompt 1: the prompt is as long as the model's rows[\s\S]*prompt 3/,
    );
  });

  it("reports every line of a file that is no prompt", async () => {
    const promptsFile = join(project.folder, "broken.jsonl");
    await writeFile(promptsFile, '"good"\n{ "text": 1 }\n[\n');
    await expect(generate({ ...base, promptsFile })).rejects.toThrow(/broken\.jsonl:2[\s\S]*broken\.jsonl:3/);
    await expect(generate({ ...base, promptsFile: join(project.folder, "none.jsonl") })).rejects.toThrow(/ENOENT/);
    await writeFile(promptsFile, "\n");
    await expect(generate({ ...base, promptsFile })).rejects.toThrow(/no prompts/);
  });
});
