/** Which paths a source takes, by the globs of its plan. */
import picomatch from "picomatch";

/** Whether a path is wanted: matched by any of `include`, or all where that is empty, and by none of `exclude`. */
export function globFilter(include: readonly string[], exclude: readonly string[]): (path: string) => boolean {
  const wanted = include.length === 0 ? () => true : picomatch([...include], { dot: true });
  const unwanted = exclude.length === 0 ? () => false : picomatch([...exclude], { dot: true });
  return (path) => wanted(path) && !unwanted(path);
}
