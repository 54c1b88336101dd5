/** `hephaestus mix price`: one anneal with each data source and one without any, and what each source did to every held-out loss. */
import { join } from "node:path";
import { writeFileAtomic } from "../base/files.js";
import { formatChange, formatCount, formatTable } from "../base/format.js";
import type { SweepPlan } from "../config/load-sweep.js";
import { expandPrice, priceOf, sharesBase } from "../mixlaw/sweep/expand-price.js";
import { makeRuns, type SweepOptions, type SweepResult } from "../mixlaw/sweep/make-runs.js";
import { type Price, pricesOf, priceWarnings } from "../mixlaw/sweep/prices.js";
import { accountOf, throwIfFailed } from "./mix-failures.js";

export const PRICE_FILE = "price.json";

/** @throws UserError with every run that failed twice, after the prices that the others give are written. */
export async function mixPrice(
  sweep: SweepPlan,
  options: SweepOptions & { readonly write: (text: string) => void },
): Promise<SweepResult> {
  const { bases, anneals } = expandPrice(sweep);
  const result = await makeRuns(sweep, [...bases, ...anneals.map(({ run }) => run)], options);
  const { finished, failed, left } = result;
  const prices = pricesOf(anneals, finished);
  const { share, begin, ...price } = priceOf(sweep);
  const warnings = priceWarnings(prices, anneals, finished, { sharedBase: sharesBase(sweep), begin });
  const path = join(sweep.folder, PRICE_FILE);
  const settings = { sweep: sweep.sweep, share: `${share.numerator}/${share.denominator}`, begin, ...price };
  const missing = [...failed.map(({ run }) => run), ...left].map(({ name }) => name);
  await writeFileAtomic(path, `${JSON.stringify({ ...settings, prices, warnings, missing }, null, 2)}\n`);
  options.write(
    [
      ...(prices.length > 0 ? priceTable(prices) : ["no anneal and its control are finished yet"]),
      "",
      "losses in nats a token at the end of the anneal; difference: to the control of the same seed, mean ± standard",
      "deviation over seeds, below 0 where the source helps; a million: the difference by millions of its tokens read",
      ...warnings.map((warning) => `warning: ${warning}`),
      "",
      accountOf(result),
      `${prices.length} prices in ${path}`,
      ...(left.length > 0 ? ["stopped; the same command goes on"] : []),
      "",
    ].join("\n"),
  );
  throwIfFailed(failed, "the same command tries it again; the prices are those of the runs that there are");
  return result;
}

function priceTable(prices: readonly Price[]): string[] {
  const head = ["size", "source", "read", "domain", "seeds", "loss", "control", "difference", "±", "a million"];
  const rows = prices.map(({ deviation, perMillion, ...price }) => [
    price.size,
    price.source,
    formatCount(price.sourceTokens),
    price.domain,
    String(price.seeds.length),
    price.loss.toFixed(4),
    price.control.toFixed(4),
    formatChange(price.difference),
    deviation === null ? "-" : deviation.toFixed(4),
    perMillion === null ? "-" : formatChange(perMillion),
  ]);
  return formatTable([head, ...rows]);
}
