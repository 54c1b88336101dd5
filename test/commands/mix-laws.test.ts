/** `mix fit` and `mix recommend` on files: what they print, write and refuse. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { main } from "../../src/cli.js";
import { writeObservations } from "../../src/mixlaw/observation.js";
import { captured } from "../end-to-end/project.js";
import { madeTable, trueLoss } from "../mixlaw/study/made-table.js";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hephaestus-laws-"));
  path = join(folder, "observations.jsonl");
  const rows = madeTable({ sizes: [1e6], budgets: [2e6, 8e6], benchmark: true }).filter(
    ({ domain }) => domain !== "code",
  );
  await writeFile(path, writeObservations(rows));
});
afterAll(() => rm(folder, { recursive: true }));

async function mix(...args: string[]) {
  const [out, err] = [captured(), captured()];
  const terminal = { out, err, onSignal: () => () => {}, abort: () => {} };
  const code = await main(["mix", ...args], terminal);
  return { code, out: out.text, err: err.text };
}

const table = () => ["--observations", path, "--domain", "agent", "--general", "text", "--draws", "20"];

const PLAN = `run: r
data:
  tokenizer: { file: t.json }
  domains: { agent: { shards: a }, text: { shards: b } }
model: { width: 16, layers: 1, heads: 2, feedForward: 32 }
stages:
  - name: broad
    tokens: 8M        # as in the sweep
    sequenceLength: 100
    tokensPerStep: 100_000
    mixture: { agent: 1, text: 3 }   # from the sweep
    schedule: { kind: cosine, peak: 2e-3, min: 2e-4, warmup: 1 }
`;

describe("mix fit", () => {
  it("prints how well the laws hold, and leaves a report that opens alone", async () => {
    const { code, out } = await mix("fit", ...table());
    expect(code).toBe(0);
    expect(out).toContain("28 runs, 2 seeds");
    expect(out).toMatch(/Laws on agent[\s\S]*D-CPT of one size/);
    expect(out).toMatch(/Replay here[\s\S]*100 %/);
    const files = await readdir(join(folder, "fit"));
    expect(files).toEqual(expect.arrayContaining(["fit.json", "report.html", "report.md", "loss-agent.svg"]));
    const [html, markdown] = await Promise.all(
      ["report.html", "report.md"].map((file) => readFile(join(folder, "fit", file), "utf8")),
    );
    expect(html).not.toMatch(/<script|<link|src=/);
    expect(html.match(/<svg/g)).toHaveLength(files.filter((file) => file.endsWith(".svg")).length);
    for (const [, name] of markdown.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)) expect(files).toContain(name);
    expect(markdown).toContain("Ibrahim et al. 2024");
  });
});

describe("mix recommend", () => {
  it("answers with interval, law and what would change it, and writes the share into the plan", async () => {
    const plan = join(folder, "plan.yaml");
    await writeFile(plan, PLAN);
    const { code, out, err } = await mix("recommend", ...table(), "--max-rise", "0.05", "--write", plan);
    expect([code, err]).toEqual([0, ""]);
    const value = Number(/rises by at most 0.05 nats: ([\d.]+) %/.exec(out)?.[1]);
    const rise = trueLoss("text", value / 100, 1e6, 8e6) - trueLoss("text", 0.25, 1e6, 2e6);
    expect(Math.abs(rise - 0.05)).toBeLessThan(0.02);
    expect(out).toMatch(/interval [\d.]+ % to [\d.]+ % \(95 %\), by the D-CPT of one size law/);
    expect(out).toMatch(/a run at [\d.]+ % is predicted to end with\n {2}agent [\d.]+, interval/);
    const tenths = Math.round(value * 10) / 10;
    expect(await readFile(plan, "utf8")).toBe(
      PLAN.replace("agent: 1, text: 3", `agent: ${tenths}%, text: ${Number((100 - tenths).toFixed(1))}%`),
    );
    expect(out).toContain(`stage broad: agent 25 → ${tenths} %`);
  });

  it("answers as JSON, for a benchmark and along a plan's schedule", async () => {
    const plan = join(folder, "curve.yaml");
    await writeFile(plan, PLAN);
    const args = [...table(), "--benchmark", "answers", "--curve", plan, "--json"];
    const { answers, expected } = JSON.parse((await mix("recommend", ...args)).out);
    expect(answers[0].question).toBe("the share of least benchmark loss");
    expect(Math.abs(answers[0].value - 0.36)).toBeLessThan(0.06);
    expect(answers.map(({ question }: { question: string }) => question)).toContain("the loss on text after 80 steps");
    expect(expected.map(({ set }: { set: string }) => set)).toContain("answers");
  });

  it("needs no runs for the replay of the literature", async () => {
    const nowhere = ["--observations", join(folder, "none.jsonl"), "--domain", "agent"];
    const { code, out } = await mix("recommend", ...nowhere, "--shift", "strong");
    expect(code).toBe(0);
    expect(out).toContain("replay for a strong shift: 25 %");
  });

  it("refuses what cannot be answered or written, and leaves the plan as it was", async () => {
    const plan = join(folder, "other.yaml");
    await writeFile(plan, PLAN.replaceAll("agent", "tools"));
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["recommend", "--max-rise", "3%"], /nothing says which runs/],
      [["fit", "--observations", join(folder, "none.jsonl"), "--domain", "agent"], /mix sweep/],
      [["recommend", ...table(), "--max-rise", "x"], /expected a rise/],
      [["recommend", ...table(), "--shift", "strong", "--write", plan], /no stage's mixture has `agent`/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await mix(...args);
      expect(code).toBeGreaterThan(0);
      expect(err).toMatch(message);
    }
    expect(await readFile(plan, "utf8")).toBe(PLAN.replaceAll("agent", "tools"));
  });
});
