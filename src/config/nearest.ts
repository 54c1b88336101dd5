/** The known name that a mistyped one most likely means. */

/**
 * Optimal string alignment distance: insertions, deletions, changes and swaps of neighbours, each at most once per place
 * (Damerau, "A technique for computer detection and correction of spelling errors", CACM 1964).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = above;
    above = row;
  }
  return above[b.length] ?? 0;
}

/** Longest name that is compared; longer ones are no slips of the pen, and the comparison is quadratic. */
const LONGEST = 64;
/** Most names that are compared, for the same reason. */
const MANY = 100;

/** The nearest known name within a third of its length, spelling of words (`weight_decay`) aside; null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name.length > LONGEST || known.length > MANY) return null;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_\s]/g, "");
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const each of known) {
    const distance = editDistance(plain(name), plain(each));
    if (distance < least && distance <= Math.floor((each.length + 1) / 3)) {
      best = each;
      least = distance;
    }
  }
  return best;
}
