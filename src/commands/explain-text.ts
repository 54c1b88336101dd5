/** The explanation of a stage as `plan --explain` prints it. */
import { formatRate, wrapText } from "../base/format.js";
import type { RecipeKey } from "../config/recipe-schedule.js";
import { percent, type ReplayExplanation, type StageExplanation } from "./explain.js";

export function renderExplanation({ recipe, resembles, schedule, text, replay }: StageExplanation): string[] {
  if (recipe === null || text === null)
    return [
      ...part("recipe", resembles.length === 0 ? "none" : `none; its schedule is that of ${resembles.join(" and ")}`),
      ...(replay.share === null ? [] : part("replay", replayText(replay))),
    ];
  const own = schedule.filter(({ instead }) => instead !== undefined);
  const filled = schedule.filter(({ instead }) => instead === undefined);
  return [
    ...part("recipe", recipe),
    ...(filled.length === 0 ? [] : part("fills in", filled.map(keyText).join(", "))),
    ...(own.length === 0 ? [] : part("yours", own.map(ownText).join(", "))),
    ...part("why", text.why),
    ...text.measured.flatMap((line, index) => part(index === 0 ? "measured" : "", line)),
    ...part("otherwise", text.otherwise),
    ...(text.mixture === null ? [] : part("mixture", text.mixture)),
    ...part("replay", replayText(replay)),
    ...text.sources.flatMap((line, index) => part(index === 0 ? "source" : "", line)),
  ];
}

const WIDTH = 100;

/** Two columns: what it is about, and the text under itself. */
function part(name: string, text: string): string[] {
  return wrapText(text, WIDTH).map((line, index) => `  ${(index === 0 ? name : "").padEnd(9)}  ${line}`);
}

function keyText({ key, written, value }: RecipeKey): string {
  const resolved = valueText(key, value);
  return resolved === written || resolved === `${written} steps`
    ? `${key} ${resolved}`
    : `${key} ${written} (${resolved})`;
}

function ownText({ key, written, value, instead = "" }: RecipeKey): string {
  return `${key} ${valueText(key, instead)} in place of ${keyText({ key, written, value })}`;
}

/** What is not a word or a length is a rate. */
function valueText(key: string, value: string | number): string {
  if (typeof value === "string") return value;
  return key === "warmup" || key.endsWith(".length") ? `${value} steps` : formatRate(value);
}

function replayText({ domains, share, advised, evidence }: ReplayExplanation): string {
  const advice = advised === null ? "no share is advised" : `the recipe advises ${percent(advised)}`;
  const brought =
    evidence === null
      ? ""
      : `, which prevented ${(100 * evidence.prevented).toFixed(0)} % of the forgetting at a cost of ${evidence.cost.toFixed(2)} nats on the new data (${evidence.setting}; ${evidence.source})`;
  if (share !== null) return `${percent(share)} (${domains?.join(", ") || "no domain"}); ${advice}${brought}`;
  if (advised === null) return advice;
  return `${advice}${brought}; name the domains of old data with \`replay\` to have it compared`;
}
