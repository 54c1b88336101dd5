/** The Jaccard similarity of two sets. */

/**
 * |A ∩ B| / |A ∪ B| of two ascending lists without repetitions, or null as soon as it is certain to be below `least`. Two empty sets are
 * not similar.
 */
export function similarityOf(a: Uint32Array, b: Uint32Array, least: number): number | null {
  if (Math.min(a.length, b.length) < least * Math.max(a.length, b.length) || a.length + b.length === 0) return null;
  // J ≥ t means that at least t / (1 + t) × (|A| + |B|) values are shared: so many may be missed on each side. One more for rounding.
  const needed = (least / (1 + least)) * (a.length + b.length);
  let spareA = a.length - needed + 1;
  let spareB = b.length - needed + 1;
  let i = 0;
  let j = 0;
  let shared = 0;
  while (i < a.length && j < b.length) {
    const difference = a[i] - b[j];
    if (difference === 0) {
      shared++;
      i++;
      j++;
    } else if (difference < 0) {
      i++;
      if (--spareA < 0) return null;
    } else {
      j++;
      if (--spareB < 0) return null;
    }
  }
  const similarity = shared / (a.length + b.length - shared);
  return similarity >= least ? similarity : null;
}
