/** Numbers and tables as people read them. Everything here is text out of plain values. */

const SCALES: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** A count with three significant digits and a decimal unit: `950`, `1.23k`, `3.4M`. */
export function formatCount(value: number): string {
  for (const [scale, unit] of SCALES) if (Math.abs(value) >= scale) return `${significant(value / scale)}${unit}`;
  return Number.isInteger(value) ? String(value) : significant(value);
}

/** A size in binary units: `512 B`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : significant(value)} ${units[unit]}`;
}

/** A duration in seconds as `850 ms`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** A share from 0 to 1 in per cent, with three significant digits: `36 %`, `52.4 %`. */
export function formatShare(share: number): string {
  return `${significant(100 * share)} %`;
}

/** A change with its sign, such as `+0.0312`. */
export function formatChange(value: number, digits = 4): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
}

/** A learning rate such as `3.00e-4`. */
export function formatRate(rate: number): string {
  return rate === 0 ? "0" : rate.toExponential(2);
}

function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Lines of a table: the first column to the left, the others to the right, two spaces between. The first row is the head. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    widths
      .map((width, column) => (column === 0 ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width)))
      .join("  ")
      .trimEnd(),
  );
}

/** A text in lines of at most `width` characters, cut at spaces; a longer word has a line of its own. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
