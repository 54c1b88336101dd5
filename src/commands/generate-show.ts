/** Several texts that grow at once, on a terminal that shows one after the other. */

/**
 * Writes each prompt and what follows it. The first text that is not done yet is shown as it comes; those after it wait.
 * @returns takes a piece of a row's text, `done` with the last.
 */
export function showTexts(
  prompts: readonly string[],
  write: (text: string) => void,
): (row: number, text: string, done: boolean) => void {
  const waiting = prompts.map(() => "");
  const done = prompts.map(() => false);
  let current = 0;
  const begin = (row: number): void => {
    if (row >= prompts.length) return;
    if (prompts.length > 1) write(`${row === 0 ? "" : "\n"}[${row + 1}/${prompts.length}] `);
    write(prompts[row]);
  };
  begin(0);
  return (row, text, last) => {
    waiting[row] += text;
    done[row] = last;
    while (current < prompts.length) {
      if (waiting[current] !== "") write(waiting[current]);
      waiting[current] = "";
      if (!done[current]) return;
      write("\n");
      begin(++current);
    }
  };
}
