/**
 * Against `transformers`, live and in both directions: models of random shapes of every class that it wrote are imported; models that we
 * wrote are run by it. Logits and five training steps agree, as in `test/end-to-end/families.test.ts`. Needs torch and transformers in the
 * interpreter that HEPHAESTUS_PYTHON names (default: python3).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../src/checkpoint/format.js";
import { writeHashed } from "../../src/checkpoint/hashed-file.js";
import { encodeJson } from "../../src/checkpoint/json.js";
import { writeSafetensors } from "../../src/checkpoint/safetensors.js";
import type { Architecture } from "../../src/model/architecture.js";
import { fromHuggingFaceConfig, toHuggingFaceConfig } from "../../src/model/hugging-face.js";
import { parameterTable } from "../../src/model/parameters.js";
import { engineOf, expectLikeTransformers, native, readExpected, tfjs } from "../end-to-end/families.js";
import { weightsOf } from "../engine/cases.js";
import { snapshot } from "../engine/snapshot.js";
import { variants } from "../model/architectures.js";

const python = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const probe = spawnSync(python, ["-c", "import torch, transformers"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import torch and transformers (set HEPHAESTUS_PYTHON)`;
const SCRIPT = join(import.meta.dirname, "../../scripts/golden/families.py");
const ENGINES = [
  ["native-cpu", native],
  ["tfjs-cpu", tfjs],
] as const;

function families(...args: readonly string[]): void {
  const { status, stderr } = spawnSync(python, [SCRIPT, ...args], {
    encoding: "utf8",
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
  if (status !== 0) throw new Error(stderr);
}

/** Of a suite. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "families-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe.skipIf(missing !== null)(missing ?? "models of transformers", () => {
  const SEEDS = [2];
  const CLASSES = ["llama", "mistral", "qwen2", "qwen3", "smollm3"];
  const models = SEEDS.flatMap((seed) => CLASSES.flatMap((name) => [`${seed}/${name}-0`, `${seed}/${name}-1`]));
  const root = temporaryFolder();
  beforeAll(() => {
    for (const seed of SEEDS) families("random", String(seed), join(root, String(seed)));
    expect(SEEDS.flatMap((seed) => readdirSync(join(root, String(seed)))).length).toBe(models.length);
  }, 300_000);

  describe.each(ENGINES)("are imported by %s", (_name, open) => {
    it.each(models)("seed %s", async (name) => {
      using engine = await engineOf(join(root, name), open);
      await expectLikeTransformers(engine, readExpected(join(root, name)));
    });
  });
});

describe.skipIf(missing !== null)(missing ?? "our models", () => {
  const root = temporaryFolder();
  const folderOf = (name: string): string => join(root, name.replaceAll(/\W+/g, "-"));
  beforeAll(async () => {
    for (const [name, architecture] of Object.entries(variants)) await write(folderOf(name), architecture);
    families("run", ...Object.keys(variants).map(folderOf));
  }, 300_000);

  it.each(Object.entries(variants))("are run by transformers: %s", async (name, architecture) => {
    using engine = await native(architecture, parameterTable(architecture));
    await engine.load(weightsOf(parameterTable(architecture)));
    await expectLikeTransformers(engine, readExpected(folderOf(name)));
  });
});

/** A folder as a checkpoint is one, of an engine's weights. */
async function write(folder: string, architecture: Architecture): Promise<void> {
  const table = parameterTable(architecture);
  using engine = await native(architecture, table);
  await engine.load(weightsOf(table));
  const weights = await snapshot(engine, "weight");
  const config = toHuggingFaceConfig(architecture, { dtype: "float32", endOfText: 0 });
  expect(fromHuggingFaceConfig(config)).toEqual(architecture);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, CONFIG_FILE), encodeJson(config));
  await writeHashed(join(folder, WEIGHTS_FILE), (sink) =>
    writeSafetensors(
      sink,
      weights,
      weights.map(({ data }) => data),
    ),
  );
}
