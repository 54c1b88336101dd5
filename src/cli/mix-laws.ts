/** `hephaestus mix fit` and `mix recommend`: laws fitted to what a sweep showed, and questions put to them. */
import { dirname, join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { UserError } from "../base/errors.js";
import { toNumber } from "../base/rational.js";
import { readModelBase } from "../checkpoint/model-base.js";
import { mixFit } from "../commands/mix-fit.js";
import { mixRecommend, type Questions } from "../commands/mix-recommend.js";
import { OBSERVATIONS_FILE } from "../commands/mix-sweep.js";
import { loadPlan } from "../config/load.js";
import { loadSweep } from "../config/load-sweep.js";
import { parseCount, parseShare } from "../config/quantities.js";
import { CMR_EPSILON } from "../mixlaw/laws/cmr.js";
import type { AllowedRise } from "../mixlaw/recommend.js";
import { STUDY_DEFAULTS, type StudyOptions } from "../mixlaw/study/study.js";
import { examples, number, type Terminal, wholeNumber, withOverrides, writer } from "./options.js";

interface TableOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly observations?: string;
  readonly domain?: string;
  readonly general?: readonly string[];
  readonly without?: readonly string[];
  readonly size?: number;
  readonly seed?: number;
  readonly draws?: number;
}

export function addFit(mix: Command, terminal: Terminal): void {
  withTable(mix.command("fit"), "Fit the published laws to a sweep's runs: parameters, errors, plots, a report.")
    .option("--out <folder>", "where the report goes (default: fit/ beside the observations)")
    .addHelpText(
      "after",
      examples(
        "mix fit --config configs/mix-sample.yaml",
        "mix fit --observations runs.jsonl --domain agent --general text",
        "mix fit --config sweep.yaml --without small-s1-600k-agent-1",
      ),
    )
    .action(async (options: TableOptions & { out?: string }) => {
      const { path, study } = await tableOf(options);
      await mixFit({
        ...{ path, study, folder: options.out ?? join(dirname(path), "fit") },
        ...{ progress: terminal.err, write: writer(terminal) },
      });
    });
}

interface RecommendOptions extends TableOptions {
  readonly maxRise?: AllowedRise;
  readonly atLeast?: number;
  readonly domainTokens?: number;
  readonly maxTokens?: number;
  readonly flops?: number;
  readonly share?: number;
  readonly benchmark?: string;
  readonly shift?: "weak" | "strong";
  readonly curve?: string;
  readonly tokens?: number;
  readonly write?: string;
  readonly stage?: string;
  readonly json?: true;
}

export function addRecommend(mix: Command, terminal: Terminal): void {
  withTable(mix.command("recommend"), "Ask the laws: which share, how sure, what would change it.")
    .option(
      "--max-rise <rise>",
      `the largest share whose general loss rises at most so much: 3% or 0.05 nats (default: ${CMR_EPSILON})`,
      rise,
    )
    .option("--at-least <share>", "refuse a share below this one", share)
    .option("--domain-tokens <count>", "the best share with only so many tokens of the domain", count)
    .option("--max-tokens <count>", "with --domain-tokens: the most tokens in all", count)
    .option("--benchmark <set>", "the share of least loss on this validation set")
    .option("--flops <number>", "model size and tokens for so much compute", number)
    .option("--share <share>", "with --flops: the share of the domain (default: the answer before, or 36%)", share)
    .option("--shift <strength>", "replay by the strength of the shift, weak or strong, from published runs", shift)
    .option("--curve <plan>", "the losses along the first stage of a plan, by its learning rates")
    .option("--tokens <count>", "of the run that is asked about (default: the longest that were run)", count)
    .option("--write <plan>", "write the share into this plan, comments kept")
    .option("--stage <name>", "with --write: the stage (default: the first whose mixture has the domain)")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples(
        "mix recommend --config configs/mix-sample.yaml --max-rise 3%",
        "mix recommend --config sweep.yaml --max-rise 0.05 --write plan.yaml --stage broad",
        "mix recommend --config sweep.yaml --domain-tokens 5B --max-tokens 100B",
        "mix recommend --config sweep.yaml --flops 1e18 --share 36%",
        "mix recommend --observations runs.jsonl --domain agent --benchmark answers",
      ),
    )
    .action(async (options: RecommendOptions) => {
      const { path, study } = await tableOf(options);
      const load = { readBase: readModelBase };
      await mixRecommend({
        ...{ path, study, tokens: options.tokens ?? null, json: options.json === true },
        questions: await questionsOf(options),
        plan: options.write === undefined ? null : { path: options.write, stage: options.stage ?? null, load },
        ...{ progress: terminal.err, write: writer(terminal) },
      });
    });
}

/** Asked nothing, the question is the usual one. */
async function questionsOf(options: RecommendOptions): Promise<Questions> {
  const { maxRise, domainTokens, flops, benchmark, shift: strength, curve } = options;
  const asked = [maxRise, domainTokens, flops, benchmark, strength, curve].some((value) => value !== undefined);
  const plan = curve === undefined ? null : (await loadPlan(curve, [], { readBase: readModelBase })).plan;
  return {
    rise: maxRise ?? (asked ? null : { absolute: CMR_EPSILON }),
    ...{ atLeast: options.atLeast ?? null, domainTokens: domainTokens ?? null, maxTokens: options.maxTokens ?? null },
    ...{ flops: flops ?? null, share: options.share ?? null, benchmark: benchmark ?? null, shift: strength ?? null },
    stage: plan?.stages[0] ?? null,
  };
}

function withTable(command: Command, description: string): Command {
  return withOverrides(command.description(description).option("-c, --config <file>", "the sweep (YAML)"))
    .option("--observations <file>", "observations of other runs (JSON lines), instead of a sweep's")
    .option("--domain <name>", "with --observations: the domain whose share is sought")
    .option("--general <sets>", "validation sets that must not be forgotten (default: all other domains)", list)
    .option("--without <runs>", "runs to leave out", list)
    .option("--size <parameters>", "model size of the laws of one size (default: the largest)", wholeNumber)
    .option("--seed <number>", "of starts and resampled fits", wholeNumber)
    .option("--draws <number>", `resampled fits, for intervals (default: ${STUDY_DEFAULTS.draws})`, wholeNumber);
}

/** @throws UserError where neither a sweep nor observations with their domain are named. */
async function tableOf(options: TableOptions): Promise<{ readonly path: string; readonly study: StudyOptions }> {
  const { config, observations, domain, general, without, size, seed, draws } = options;
  const chosen = {
    ...STUDY_DEFAULTS,
    ...{ general: general ?? null, without: without ?? [], size: size ?? null, seed: seed ?? 0 },
    draws: draws ?? STUDY_DEFAULTS.draws,
  };
  if (observations !== undefined && domain !== undefined) return { path: observations, study: { ...chosen, domain } };
  if (config === undefined || observations !== undefined)
    throw new UserError({
      what: "nothing says which runs",
      expected: "--config with a sweep, or --observations and --domain",
    });
  const sweep = await loadSweep(config, options.set, { readBase: readModelBase });
  return { path: join(sweep.folder, OBSERVATIONS_FILE), study: { ...chosen, domain: domain ?? sweep.domain } };
}

function list(text: string): readonly string[] {
  return text.split(",").map((each) => each.trim());
}

function count(text: string): number {
  const value = parseCount(text);
  if (value === null) throw new InvalidArgumentError("expected a count, such as 300k or 5B");
  return value;
}

function share(text: string): number {
  const value = parseShare(text);
  if (value === null) throw new InvalidArgumentError("expected a share, such as 36% or 0.36");
  return toNumber(value);
}

function rise(text: string): AllowedRise {
  const [, digits = "", unit = ""] = /^\s*([\d.]+)\s*(%?)\s*$/.exec(text) ?? [];
  const value = Number(digits);
  if (digits === "" || !(value > 0)) throw new InvalidArgumentError("expected a rise above 0, such as 3% or 0.05");
  return unit === "%" ? { percent: value } : { absolute: value };
}

function shift(text: string): "weak" | "strong" {
  if (text !== "weak" && text !== "strong") throw new InvalidArgumentError("expected weak or strong");
  return text;
}
