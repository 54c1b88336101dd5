/** A place in a plan as a list of keys and positions, and as people write it: `stages[1].mixture.agent`. */

export type PlanPath = readonly (string | number)[];

export function pathText(path: PlanPath): string {
  let text = "";
  for (const step of path) text += typeof step === "number" ? `[${step}]` : text === "" ? step : `.${step}`;
  return text;
}

/** Reads `stages[1].mixture.agent`; null when the text is no path. */
export function parsePath(text: string): PlanPath | null {
  if (!/^[^.[\]\s]+(\.[^.[\]\s]+|\[\d{1,9}\])*$/.test(text)) return null;
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map((match) =>
    match[1] === undefined ? match[0] : Number(match[1]),
  );
}
