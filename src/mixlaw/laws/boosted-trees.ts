/**
 * Gradient-boosted regression trees on histograms, after Friedman ("Greedy function approximation", 2001) and LightGBM (Ke et al. 2017),
 * for tables of a few hundred rows: RegMix's second regressor. Our own because nothing on npm that boosts trees is kept up: `ml-cart` and
 * `ml-random-forest` do not boost, the ports of XGBoost are one asm.js build of 2018 and addons that compile at install.
 */

export interface BoostingOptions {
  readonly trees: number;
  /** Shrinkage of each tree. */
  readonly rate: number;
  /** Leaves of a tree, which grows where the squared error falls most. */
  readonly leaves: number;
  readonly leastInLeaf: number;
  /** Added to the rows of a leaf when its value is formed. */
  readonly l2: number;
  readonly bins: number;
}

export const BOOSTING_DEFAULTS: BoostingOptions = {
  trees: 500,
  rate: 0.05,
  leaves: 8,
  leastInLeaf: 4,
  l2: 1,
  bins: 64,
};

type Node =
  | { readonly value: number }
  | { readonly feature: number; readonly threshold: number; readonly below: number; above: number };

/** Nodes of a tree, the root first. */
type Tree = readonly Node[];

export interface BoostedTrees {
  readonly mean: number;
  readonly trees: readonly Tree[];
}

interface Split {
  readonly feature: number;
  readonly threshold: number;
  readonly gain: number;
}

interface Leaf {
  readonly place: number;
  readonly rows: readonly number[];
  readonly split: Split | null;
}

/** Trees fitted to the rows of a table by squared error. */
export function boostTrees(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  options: Partial<BoostingOptions> = {},
): BoostedTrees {
  const chosen = { ...BOOSTING_DEFAULTS, ...options };
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  const rest = targets.map((target) => target - mean);
  const edges = rows[0].map((_, feature) =>
    binEdges(
      rows.map((row) => row[feature]),
      chosen.bins,
    ),
  );
  const binned = rows.map((row) => Uint16Array.from(row, (value, feature) => binOf(edges[feature], value)));
  const trees: Tree[] = [];
  for (let count = 0; count < chosen.trees; count++) {
    const tree = growTree(binned, edges, rest, chosen);
    for (const [i, row] of rows.entries()) rest[i] -= treeValue(tree, row);
    trees.push(tree);
  }
  return { mean, trees };
}

export function predictTrees({ mean, trees }: BoostedTrees, row: readonly number[]): number {
  let sum = mean;
  for (const tree of trees) sum += treeValue(tree, row);
  return sum;
}

function treeValue(tree: Tree, row: readonly number[]): number {
  let node = tree[0];
  while ("feature" in node) node = tree[row[node.feature] < node.threshold ? node.below : node.above];
  return node.value;
}

/** Thresholds between neighbouring values, thinned out to evenly many rows a bin. */
function binEdges(values: readonly number[], bins: number): number[] {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const middles = sorted.slice(1).map((value, i) => (value + sorted[i]) / 2);
  if (middles.length < bins) return middles;
  return Array.from({ length: bins - 1 }, (_, i) => middles[Math.floor(((i + 1) * middles.length) / bins)]);
}

function binOf(edges: readonly number[], value: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value < edges[middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

function growTree(
  binned: readonly Uint16Array[],
  edges: readonly (readonly number[])[],
  rest: readonly number[],
  options: BoostingOptions,
): Tree {
  const nodes: Node[] = [];
  const leafOf = (rows: readonly number[]): Leaf => {
    const sum = rows.reduce((total, row) => total + rest[row], 0);
    nodes.push({ value: (options.rate * sum) / (rows.length + options.l2) });
    return { place: nodes.length - 1, rows, split: bestSplit(binned, edges, rest, rows, options) };
  };
  let leaves = [leafOf(rest.map((_, i) => i))];
  while (leaves.length < options.leaves) {
    const next = leaves.reduce((a, b) => ((b.split?.gain ?? 0) > (a.split?.gain ?? 0) ? b : a));
    const { split, rows, place } = next;
    if (split === null) break;
    const edge = edges[split.feature].indexOf(split.threshold);
    const below = leafOf(rows.filter((row) => binned[row][split.feature] <= edge));
    const above = leafOf(rows.filter((row) => binned[row][split.feature] > edge));
    nodes[place] = { feature: split.feature, threshold: split.threshold, below: below.place, above: above.place };
    leaves = [...leaves.filter((leaf) => leaf !== next), below, above];
  }
  return nodes;
}

function bestSplit(
  binned: readonly Uint16Array[],
  edges: readonly (readonly number[])[],
  rest: readonly number[],
  rows: readonly number[],
  { leastInLeaf, l2 }: BoostingOptions,
): Split | null {
  if (rows.length < 2 * leastInLeaf) return null;
  const total = rows.reduce((sum, row) => sum + rest[row], 0);
  const score = (sum: number, count: number) => (sum * sum) / (count + l2);
  let best: Split | null = null;
  for (const [feature, thresholds] of edges.entries()) {
    const sums = new Float64Array(thresholds.length + 1);
    const counts = new Uint32Array(thresholds.length + 1);
    for (const row of rows) {
      sums[binned[row][feature]] += rest[row];
      counts[binned[row][feature]]++;
    }
    let [sum, count] = [0, 0];
    for (const [bin, threshold] of thresholds.entries()) {
      sum += sums[bin];
      count += counts[bin];
      if (count < leastInLeaf || rows.length - count < leastInLeaf) continue;
      const gain = score(sum, count) + score(total - sum, rows.length - count) - score(total, rows.length);
      if (gain > (best?.gain ?? 1e-15)) best = { feature, threshold, gain };
    }
  }
  return best;
}
