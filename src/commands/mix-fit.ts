/** `hephaestus mix fit`: laws fitted to a table of observations, told in a report with plots. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode, UserError } from "../base/errors.js";
import { writeFileAtomic } from "../base/files.js";
import { htmlCharts, htmlHeading, htmlList, htmlPage } from "../base/page.js";
import { plotSvg } from "../base/plot.js";
import { ProgressLine, type ProgressStream } from "../base/report.js";
import { htmlTable, markdownTable, type ReportTable } from "../base/report-table.js";
import { type Observation, readObservations } from "../mixlaw/observation.js";
import { plotsOf } from "../mixlaw/study/plots.js";
import { studyRecord } from "../mixlaw/study/record.js";
import { regressionsOf } from "../mixlaw/study/regressions.js";
import { type Section, sectionsOf } from "../mixlaw/study/report.js";
import { type Study, type StudyOptions, study } from "../mixlaw/study/study.js";

export interface MixFitOptions {
  /** Of observations, as JSON lines. */
  readonly path: string;
  /** Where `report.md`, `report.html`, `fit.json` and the plots go. */
  readonly folder: string;
  readonly study: StudyOptions;
  readonly progress: ProgressStream;
  readonly write: (text: string) => void;
}

export async function mixFit({ path, folder, study: options, progress, write }: MixFitOptions): Promise<Study> {
  const observations = await readTable(path);
  const fitted = fitWithProgress(observations, options, progress);
  const regressions = regressionsOf(fitted.table, options.seed);
  const title = `Share of ${fitted.table.domain}: laws fitted to ${fitted.table.seen.runs} runs`;
  const sections = sectionsOf(fitted, regressions);
  const plots = new Map(plotsOf(fitted).map(({ name, plot }) => [name, plotSvg(plot)]));
  for (const [name, svg] of plots) await writeFileAtomic(join(folder, `${name}.svg`), `${svg}\n`);
  await writeFileAtomic(join(folder, "report.md"), markdown(title, sections, plots));
  await writeFileAtomic(join(folder, "report.html"), page(title, sections, plots));
  await writeFileAtomic(join(folder, "fit.json"), `${JSON.stringify(studyRecord(fitted, regressions), null, 2)}\n`);
  write(
    `${[
      ...sections[0].lines,
      ...sections.flatMap(({ summary }) => summary).flatMap((table) => ["", table.title, ...markdownTable(table)]),
      ...(fitted.refused.length === 0 ? [] : ["", ...fitted.refused.map(refusedLine)]),
      "",
      `report: ${join(folder, "report.html")} and report.md, plots beside them`,
    ].join("\n")}\n`,
  );
  return fitted;
}

function refusedLine({ set, law, why }: Study["refused"][number]): string {
  return `not fitted: ${law} on ${set}: ${why}`;
}

/** @throws UserError where there is no such file, with the command that makes it. */
export async function readTable(path: string): Promise<Observation[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (systemCode(error) !== "ENOENT") throw error;
    throw new UserError({
      what: "there are no observations",
      where: path,
      hint: "`hephaestus mix sweep` makes the runs and writes them",
    });
  });
  return readObservations(text, path);
}

export function fitWithProgress(
  observations: readonly Observation[],
  options: StudyOptions,
  progress: ProgressStream,
): Study {
  using line = new ProgressLine(progress);
  return study(observations, options, (doing) => line.update(`fitting ${doing}`));
}

type Plots = ReadonlyMap<string, string>;

function markdown(title: string, sections: readonly Section[], plots: Plots): string {
  const lines = [`# ${title}`];
  for (const section of sections) {
    lines.push("", `## ${section.title}`, "", ...section.lines.map((line) => `- ${line}`));
    for (const name of section.plots) if (plots.has(name)) lines.push("", `![${name}](${name}.svg)`);
    for (const table of section.tables) lines.push(...heading(table), "", ...markdownTable(table));
  }
  return `${lines.join("\n")}\n`;
}

function heading({ title }: ReportTable): string[] {
  return title === "" ? [] : ["", `### ${title}`];
}

function page(title: string, sections: readonly Section[], plots: Plots): string {
  const body = sections.flatMap((section) => [
    htmlHeading(section.title, "h2"),
    htmlList(section.lines),
    htmlCharts(section.plots.flatMap((name) => plots.get(name) ?? [])),
    ...section.tables.map((table) => htmlTable(table, "h3")),
  ]);
  return htmlPage(title, body);
}
