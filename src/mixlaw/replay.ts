/** Replay by strength of shift, from the one published table that varies it: final validation losses of 405M models. */

export interface ReplayRow {
  /** Share of old data in the run. */
  readonly replay: number;
  readonly oldLoss: number;
  readonly newLoss: number;
}

export interface ReplayTable {
  readonly shift: "weak" | "strong";
  readonly setting: string;
  readonly source: string;
  readonly baseOldLoss: number;
  readonly rows: readonly ReplayRow[];
  /** Trained from the start on old and new data together. */
  readonly union: { readonly oldLoss: number; readonly newLoss: number };
  /** The share that the paper recommends. */
  readonly recommended: number;
}

const SOURCE = "Ibrahim et al. 2024, arXiv 2403.08763";

function rowsOf(rows: readonly (readonly [number, number, number])[]): ReplayRow[] {
  return rows.map(([replay, oldLoss, newLoss]) => ({ replay, oldLoss, newLoss }));
}

export const IBRAHIM_STRONG: ReplayTable = {
  shift: "strong",
  setting: "405M, Pile to German, 200B tokens",
  source: SOURCE,
  baseOldLoss: 2.17,
  rows: rowsOf([
    [0, 3.56, 1.11],
    [0.01, 2.83, 1.12],
    [0.05, 2.57, 1.12],
    [0.1, 2.46, 1.13],
    [0.25, 2.33, 1.16],
    [0.5, 2.24, 1.22],
  ]),
  union: { oldLoss: 2.26, newLoss: 1.25 },
  recommended: 0.25,
};

export const IBRAHIM_WEAK: ReplayTable = {
  shift: "weak",
  setting: "405M, Pile to SlimPajama, 300B tokens",
  source: SOURCE,
  baseOldLoss: 2.17,
  rows: rowsOf([
    [0, 2.44, 2.5],
    [0.005, 2.27, 2.5],
    [0.01, 2.26, 2.5],
    [0.05, 2.23, 2.51],
    [0.1, 2.21, 2.51],
    [0.5, 2.16, 2.54],
  ]),
  union: { oldLoss: 2.17, newLoss: 2.53 },
  recommended: 0.05,
};

export interface ReplayAdvice {
  readonly table: ReplayTable;
  readonly replay: number;
  /** The published losses at that share. */
  readonly row: ReplayRow;
  /** Share of the forgetting without replay that it prevents there. */
  readonly prevented: number;
  /** What it costs in the new domain's loss there. */
  readonly cost: number;
}

/** The replay share of the literature for a shift that one can name, with what it brought and cost where it was measured. */
export function replayByShift(shift: ReplayTable["shift"]): ReplayAdvice {
  const table = shift === "strong" ? IBRAHIM_STRONG : IBRAHIM_WEAK;
  const without = table.rows[0];
  const row = table.rows.find(({ replay }) => replay === table.recommended) ?? without;
  return {
    table,
    replay: row.replay,
    row,
    prevented: (without.oldLoss - row.oldLoss) / (without.oldLoss - table.baseOldLoss),
    cost: row.newLoss - without.newLoss,
  };
}
