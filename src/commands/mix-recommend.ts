/** `hephaestus mix recommend`: questions put to the laws of a sweep, each answer with how sure it is; the answer goes into a plan. */
import { readFile } from "node:fs/promises";
import { UserError } from "../base/errors.js";
import { writeFileAtomic } from "../base/files.js";
import { formatCount, formatShare } from "../base/format.js";
import type { ProgressStream } from "../base/report.js";
import { parseYaml } from "../config/document.js";
import { type LoadOptions, planOf } from "../config/load.js";
import type { StagePlan } from "../config/plan.js";
import { type WrittenMixture, writeShare } from "../config/write-mixture.js";
import type { Answer } from "../mixlaw/answer.js";
import type { Interval } from "../mixlaw/fit/bootstrap.js";
import type { AllowedRise } from "../mixlaw/recommend.js";
import { type ReplayTable, replayByShift } from "../mixlaw/replay.js";
import {
  answerBudget,
  answerLargestShare,
  answerLeastLoss,
  answerShareForTokens,
  type ExpectedLoss,
  expectedLosses,
  seenTarget,
  type Target,
} from "../mixlaw/study/answers.js";
import { answerPlannedRun } from "../mixlaw/study/planned-run.js";
import { intervalText } from "../mixlaw/study/report.js";
import type { Study, StudyOptions } from "../mixlaw/study/study.js";
import { fitWithProgress, readTable } from "./mix-fit.js";

export interface Questions {
  /** The largest share whose general loss rises at most so much. */
  readonly rise: AllowedRise | null;
  readonly atLeast: number | null;
  /** The best share with so many tokens of the domain, in at most so many tokens. */
  readonly domainTokens: number | null;
  readonly maxTokens: number | null;
  /** Size and tokens for so much compute, at a share. */
  readonly flops: number | null;
  readonly share: number | null;
  /** The share of least loss on this set. */
  readonly benchmark: string | null;
  readonly shift: ReplayTable["shift"] | null;
  /** The loss along this stage. */
  readonly stage: StagePlan | null;
}

export interface RecommendOptions {
  readonly path: string;
  readonly study: StudyOptions;
  readonly questions: Questions;
  /** Of the run that is asked about; null: of the longest that were made. */
  readonly tokens: number | null;
  /** A plan to write the first share into, and the stage to change. */
  readonly plan: { readonly path: string; readonly stage: string | null; readonly load: LoadOptions } | null;
  readonly json: boolean;
  readonly progress: ProgressStream;
  readonly write: (text: string) => void;
}

interface Answered {
  readonly answer: Answer;
  /** The value as people read it. */
  readonly text: (value: number) => string;
  /** Whether the value is a share. */
  readonly share: boolean;
}

export async function mixRecommend(options: RecommendOptions): Promise<void> {
  const { questions, plan, write, json } = options;
  const shift = questions.shift === null ? null : replayByShift(questions.shift);
  if (plan !== null) await checkPlan(plan, options.study.domain);
  const study = needsLaws(questions)
    ? fitWithProgress(await readTable(options.path), { ...options.study, leaveOut: "shares" }, options.progress)
    : null;
  const target =
    study === null ? null : { ...seenTarget(study), ...(options.tokens !== null && { tokens: options.tokens }) };
  const answers = study === null || target === null ? [] : ask(study, target, questions);
  const value = answers.find(({ share }) => share)?.answer.value ?? (shift === null ? null : 1 - shift.replay);
  const expected = study === null || target === null || value === null ? [] : expectedLosses(study, target, value);
  const written = plan === null ? null : await writePlan(plan, options.study.domain, value);
  if (json)
    return write(
      `${JSON.stringify({ target, answers: answers.map(({ answer }) => answer), expected, shift, written: written?.change ?? null }, null, 2)}\n`,
    );
  const lines = [
    ...(target === null
      ? []
      : [`for runs of ${formatCount(target.parameters)} parameters and ${formatCount(target.tokens)} tokens`, ""]),
    ...answers.flatMap(answerLines),
    ...(value === null || expected.length === 0 ? [] : expectedLines(expected, value)),
    ...(shift === null ? [] : shiftLines(shift)),
    ...(written === null || plan === null ? [] : writtenLines(written, plan.path)),
  ];
  write(`${lines.join("\n").trimEnd()}\n`);
}

/** All questions but that for the literature's replay. */
function needsLaws({ rise, domainTokens, benchmark, flops, stage }: Questions): boolean {
  return [rise, domainTokens, benchmark, flops, stage].some((question) => question !== null);
}

/** The paper's share of agent data, where no question before gave one (Zhuang et al. 2025, arXiv 2502.06589). */
const PAPER_SHARE = 0.36;

function ask(study: Study, target: Target, questions: Questions): Answered[] {
  const { rise, atLeast, domainTokens, maxTokens, flops, benchmark, stage } = questions;
  const { table } = study;
  const shares = (answer: Answer): Answered => ({ answer, text: formatShare, share: true });
  const answers: Answered[] = [];
  if (rise !== null) answers.push(shares(answerLargestShare(study, target, rise, atLeast ?? undefined)));
  if (domainTokens !== null)
    answers.push(shares(answerShareForTokens(study, target.parameters, domainTokens, maxTokens)));
  if (benchmark !== null) answers.push(shares(answerLeastLoss(study, benchmark, target)));
  if (flops !== null) {
    const { sizes } = table.seen;
    const share = questions.share ?? answers[0]?.answer.value ?? PAPER_SHARE;
    const range = { low: sizes[0], high: sizes[sizes.length - 1] };
    const answer = answerBudget(study, table.domain, share, flops, range);
    const question = `${answer.question} at ${formatShare(share)} of ${table.domain}, trained on ${formatCount(answer.tokens)} tokens`;
    answers.push({ answer: { ...answer, question }, text: (size) => `${formatCount(size)} parameters`, share: false });
  }
  if (stage !== null)
    for (const answer of answerPlannedRun(study, stage)) answers.push({ answer, text: loss, share: false });
  return answers;
}

function loss(value: number): string {
  return value.toFixed(4);
}

function answerLines({ answer, text }: Answered): string[] {
  const { question, value, interval, law, runnersUp, sensitivity, warnings } = answer;
  const orNone = (found: number | null): string => (found === null ? "none" : text(found));
  return [
    `${question}: ${text(value)}`,
    `  ${intervalLine(interval, text)}, by the ${law} law`,
    ...runnersUp.map((other) => `  ${other.law}: ${orNone(other.value)}, ${intervalLine(other.interval, text)}`),
    ...sensitivity.map(({ change, value: then }) => `  ${change}: ${orNone(then)}`),
    ...warnings.map((warning) => `  warning: ${warning}`),
    "",
  ];
}

function intervalLine(interval: Interval | null, text: (value: number) => string): string {
  return interval === null ? "no interval" : `interval ${intervalText(interval, text)}`;
}

function expectedLines(expected: readonly ExpectedLoss[], share: number): string[] {
  return [
    `a run at ${formatShare(share)} is predicted to end with`,
    ...expected.map(
      ({ set, law, loss: value, interval }) => `  ${set} ${loss(value)}, ${intervalLine(interval, loss)} (${law})`,
    ),
    "",
  ];
}

function shiftLines({ table, replay, row, prevented, cost }: ReturnType<typeof replayByShift>): string[] {
  return [
    `replay for a ${table.shift} shift: ${formatShare(replay)}`,
    `  ${table.setting} (${table.source}): it prevented ${formatShare(prevented)} of the forgetting (old loss ${row.oldLoss}) at a cost of ${cost.toFixed(2)} nats in the new domain`,
    "  a table of one model: measure your own with `mix sweep`",
    "",
  ];
}

/** What cannot be written is told before the laws are fitted, which takes its time. */
async function checkPlan({ path, stage }: NonNullable<RecommendOptions["plan"]>, domain: string): Promise<void> {
  writeShare(await readFile(path, "utf8"), path, { domain, share: 0.5, stage });
}

/** @throws UserError before anything is written where there is no share to write, or the plan would no longer be one. */
async function writePlan(
  { path, stage, load }: NonNullable<RecommendOptions["plan"]>,
  domain: string,
  share: number | null,
): Promise<WrittenMixture> {
  if (share === null)
    throw new UserError({
      what: "there is no share to write into the plan",
      hint: "ask for one: --max-rise, --domain-tokens, --benchmark or --shift",
    });
  const written = writeShare(await readFile(path, "utf8"), path, { domain, share, stage });
  planOf(parseYaml(written.text, path).value, path, load);
  await writeFileAtomic(path, written.text);
  return written;
}

function writtenLines({ stage, change }: WrittenMixture, path: string): string[] {
  const shares = change.map(({ domain, before, now }) => `${domain} ${Number(before.toFixed(1))} → ${now} %`);
  return [`${path}, stage ${stage}: ${shares.join(", ")}`];
}
