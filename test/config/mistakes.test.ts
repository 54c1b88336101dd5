/** Each kind of mistake with the exact message, made in the plan of `temporary-plan.ts`. */
import { describe, expect, it } from "vitest";
import { changed, complaint, loadText, SMALL } from "./temporary-plan.js";

const STEPS = "steps: 100";
const SCHEDULE = "{ kind: constant, peak: 1e-3 }";

/** [what, piece of the plan, its replacement, the whole message] */
type Mistake = readonly [string, string, string, string];

async function expectComplaint([, from, to, message]: Mistake): Promise<void> {
  expect(await complaint(changed(SMALL, from, to))).toBe(message);
}

describe("mistakes in single values", () => {
  const mistakes: Mistake[] = [
    [
      "text for a number",
      "width: 64",
      "width: wide",
      'plan.yaml:8 model.width: this value cannot be used\n  expected: a whole number of at least 1\n  got: "wide"',
    ],
    [
      "a fraction for a whole number",
      "layers: 2",
      "layers: 2.5",
      "plan.yaml:9 model.layers: this value cannot be used\n  expected: a whole number from 1 to 4096\n  got: 2.5",
    ],
    [
      "infinity",
      "heads: 4",
      "heads: .inf",
      "plan.yaml:10 model.heads: this value cannot be used\n  expected: a whole number of at least 1\n  got: Infinity",
    ],
    [
      "k where it would not be 1024",
      "sequenceLength: 32",
      "sequenceLength: 4k",
      'plan.yaml:14 stages[0].sequenceLength: this value cannot be used\n  expected: a whole number of at least 1\n  got: "4k"',
    ],
    [
      "a unit that is not known",
      STEPS,
      "tokens: 2m",
      'plan.yaml:13 stages[0].tokens: this value cannot be used\n  expected: a number of tokens, such as 300k, 2M, 1.5B or 8_000\n  got: "2m"',
    ],
    [
      "a learning rate without its minus",
      "1e-3",
      "1e3",
      "plan.yaml:17 stages[0].schedule.peak: this value cannot be used\n" +
        "  expected: a learning rate above 0, at most 1, such as 3e-4, or `previous`\n  got: 1000",
    ],
    [
      "a bare fraction for a length",
      SCHEDULE,
      "{ kind: constant, peak: 1e-3, warmup: 0.05 }",
      "plan.yaml:17 stages[0].schedule.warmup: this value cannot be used\n" +
        "  expected: a length in steps (100), in tokens (2M tokens) or as a share of the stage (5%)\n  got: 0.05",
    ],
    [
      "yes for true",
      "layers: 2",
      "layers: 2\n  tied: yes",
      'plan.yaml:10 model.tied: this value cannot be used\n  expected: true or false\n  got: "yes"',
    ],
    [
      "a word that is nearly one of a few",
      STEPS,
      "steps: 100\n    packing: isolate",
      'plan.yaml:14 stages[0].packing: this value cannot be used\n  expected: one of `isolated`, `attend`, `whole`\n  got: "isolate"\n' +
        "  hint: did you mean `isolated`?",
    ],
    [
      "a run that is a path",
      "run: small",
      "run: ../small",
      "plan.yaml:1 run: this value cannot be used\n" +
        "  expected: a name of letters, digits, `.`, `_` and `-` that starts with a letter or digit (at most 100)\n" +
        '  got: "../small"',
    ],
    [
      "the shell's home folder",
      "text.jsonl",
      "~/text.jsonl",
      "plan.yaml:6 data.domains.text.documents: this value cannot be used\n" +
        '  expected: a path or a list of paths, without `~`\n  got: "~/text.jsonl"',
    ],
    [
      "all documents held out",
      "documents: text.jsonl",
      "documents: text.jsonl, heldOut: 100%",
      "plan.yaml:6 data.domains.text.heldOut: this value cannot be used\n" +
        '  expected: a share from 0 up to but not including 100%, such as 1%\n  got: "100%"',
    ],
    [
      "a domain's name in capitals",
      "text: { doc",
      "Text: { doc",
      "plan.yaml:6 data.domains.Text: the name `Text` cannot be used\n" +
        "  expected: a name of lower-case letters, digits, `_` and `-` that starts with a letter or digit (at most 64)\n" +
        "plan.yaml:16 stages[0].mixture.text: there is no domain `text` in `data.domains`\n" +
        "  expected: one of `agent`, `Text`\n  hint: did you mean `Text`?",
    ],
    [
      "a number for a section",
      "run: small",
      "run: small\nreport: 10",
      "plan.yaml:2 report: this value cannot be used\n  expected: the report: keys and values\n  got: 10",
    ],
    [
      "a negative part",
      "text: 3",
      "text: -3",
      "plan.yaml:16 stages[0].mixture.text: this value cannot be used\n" +
        "  expected: a part (1), or a share (36%, 0.36, 1/3)\n  got: -3",
    ],
    [
      "a part that is no number",
      "text: 3",
      "text: .nan",
      "plan.yaml:16 stages[0].mixture.text: this value cannot be used\n" +
        "  expected: a part (1), or a share (36%, 0.36, 1/3)\n  got: NaN",
    ],
  ];
  it.each(mistakes)("%s", async (...mistake) => expectComplaint(mistake));

  it("a section for a list", async () => {
    const text = `${SMALL.slice(0, SMALL.indexOf("stages:"))}stages: { tokens: 1M }\n`;
    expect(await complaint(text)).toBe(
      "plan.yaml:12 stages: this value cannot be used\n  expected: a list of stages\n  got: a section with `tokens`",
    );
    expect(await complaint(changed(text, "{ tokens: 1M }", "[]"))).toBe(
      "plan.yaml:12 stages: this value cannot be used\n  expected: at least one stage\n  got: an empty list",
    );
  });
});

describe("mistakes in keys", () => {
  const SCHEDULE_KEYS = "`kind`, `peak`, `warmup`, `start`";
  const mistakes: Mistake[] = [
    [
      "a mistyped optional key",
      SCHEDULE,
      "{ kind: constant, peak: 1e-3, warmpu: 5% }",
      `plan.yaml:17 stages[0].schedule.warmpu: unknown key \`warmpu\`\n  expected: one of ${SCHEDULE_KEYS}\n  hint: did you mean \`warmup\`?`,
    ],
    [
      "a mistyped required key is one problem, not two",
      SCHEDULE,
      "{ kind: constant, paek: 1e-3 }",
      `plan.yaml:17 stages[0].schedule.paek: unknown key \`paek\`\n  expected: one of ${SCHEDULE_KEYS}\n  hint: did you mean \`peak\`?`,
    ],
    [
      "another spelling of words",
      "run: small",
      "run: small\noptimizer: { weight_decay: 0.1 }",
      "plan.yaml:2 optimizer.weight_decay: unknown key `weight_decay`\n" +
        "  expected: one of `beta1`, `beta2`, `epsilon`, `weightDecay`, `clip`\n  hint: did you mean `weightDecay`?",
    ],
    [
      "a key of another kind of schedule",
      SCHEDULE,
      "{ kind: cosine, peak: 1e-3, decay: { length: 10% } }",
      `plan.yaml:17 stages[0].schedule.decay: unknown key \`decay\`\n  expected: one of ${SCHEDULE_KEYS}, \`min\`\n  hint: \`decay\` belongs to \`kind: wsd\``,
    ],
    [
      "a key of another section",
      "run: small",
      "run: small\nreport: { sequenceLength: 3 }",
      "plan.yaml:2 report.sequenceLength: unknown key `sequenceLength`\n  expected: one of `everySteps`\n" +
        "  hint: there is a key `stages[].sequenceLength`",
    ],
    [
      "a key like no other",
      "run: small",
      "run: small\nreport: { zzzzzz: 3 }",
      "plan.yaml:2 report.zzzzzz: unknown key `zzzzzz`\n  expected: one of `everySteps`",
    ],
    [
      "a missing key is placed at its parent",
      "  feedForward: 128\n",
      "",
      "plan.yaml:7 model.feedForward: `feedForward` is missing\n  expected: a whole number of at least 1",
    ],
    [
      "a key without a value is missing",
      "feedForward: 128",
      "feedForward:",
      "plan.yaml:11 model.feedForward: `feedForward` is missing\n  expected: a whole number of at least 1",
    ],
    [
      "a schedule without a kind",
      SCHEDULE,
      "{ peak: 1e-3 }",
      "plan.yaml:17 stages[0].schedule.kind: `kind` is missing\n" +
        "  expected: one of `constant`, `linear`, `cosine`, `wsd`, `infinite`",
    ],
    [
      "a schedule of a mistyped kind",
      SCHEDULE,
      "{ kind: cosin, peak: 1e-3 }",
      "plan.yaml:17 stages[0].schedule.kind: this value cannot be used\n" +
        "  expected: one of `constant`, `linear`, `cosine`, `wsd`, `infinite`\n" +
        '  got: "cosin"\n  hint: did you mean `cosine`?',
    ],
  ];
  it.each(mistakes)("%s", async (...mistake) => expectComplaint(mistake));

  it("a missing section is placed at the plan's first line", async () => {
    expect(await complaint(SMALL.replace(/model:\n( .*\n)*/, ""))).toBe(
      "plan.yaml:1 model: `model` is missing\n  expected: the model: keys and values",
    );
  });
});

describe("all problems at once", () => {
  it("reports eight mistakes of all kinds in the order of their lines", async () => {
    const text = SMALL.replace("run: small", "run: small/er")
      .replace("file: tokenizer.json", "fiel: tokenizer.json")
      .replace("documents: text.jsonl", "documents: text.jsonl, shards: x")
      .replace("feedForward: 128", "feedForward: lots")
      .replace("tokensPerStep: 256", "tokensPerStep: 100")
      .replace("agent: 1", "agnt: 0.5")
      .replace("peak: 1e-3", "peak: 1e-3, warmup: 200");
    const message = await complaint(text);
    const heads = message.split("\n").filter((line) => !line.startsWith("  "));
    expect(heads).toEqual([
      "plan.yaml:1 run: this value cannot be used",
      "plan.yaml:3 data.tokenizer.fiel: unknown key `fiel`",
      "plan.yaml:6 data.domains.text: `documents` and `shards` exclude each other",
      "plan.yaml:11 model.feedForward: this value cannot be used",
      "plan.yaml:15 stages[0].tokensPerStep: `tokensPerStep` must be a multiple of `sequenceLength`",
      "plan.yaml:16 stages[0].mixture.agnt: there is no domain `agnt` in `data.domains`",
      "plan.yaml:16 stages[0].mixture: the mixture's shares do not add up to exactly 1",
      "plan.yaml:17 stages[0].schedule: the schedule's parts are longer than the stage",
    ]);
  });

  it("says a hundred problems and counts the rest", async () => {
    const unknown = Array.from({ length: 130 }, (_, i) => `key${i}: 1\n`).join("");
    const lines = (await complaint(SMALL + unknown)).split("\n").filter((line) => !line.startsWith("  "));
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe("plan.yaml: and 30 more problems");
  });

  it("finds nothing wrong with the plan that the mistakes were made in", async () => {
    expect((await loadText(SMALL)).run).toBe("small");
  });
});
