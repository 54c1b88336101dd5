/** A curve drawn with block characters, for a terminal. */

const EIGHTHS = " ▁▂▃▄▅▆▇█";

/**
 * Draws non-negative values as a filled curve of `width` × `height` characters, its maximum at the top.
 * Each column shows the value at its middle, so a phase shorter than a column may not be seen.
 */
export function plotCurve(
  values: (at: number) => number,
  points: number,
  size: { width: number; height: number },
): string[] {
  const width = Math.min(size.width, points);
  const heights = Array.from({ length: width }, (_, column) =>
    values(Math.min(points - 1, Math.floor(((column + 0.5) * points) / width))),
  );
  const top = Math.max(...heights, Number.MIN_VALUE);
  return Array.from({ length: size.height }, (_, row) => {
    const below = size.height - 1 - row;
    return heights
      .map((value) => {
        const eighths = Math.round(((value / top) * size.height - below) * 8);
        // A value above zero always shows, at least as the thinnest bar of the lowest row.
        return EIGHTHS[Math.max(value > 0 && below === 0 ? 1 : 0, Math.min(8, eighths))];
      })
      .join("");
  });
}
