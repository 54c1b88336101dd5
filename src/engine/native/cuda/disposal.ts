/** Giving back several things although one of them fails. */

/** Disposes all of them in order. @throws the first error, when all have had their turn. */
export function disposeAll(things: Iterable<Disposable | null>): void {
  const errors: unknown[] = [];
  for (const thing of things) {
    try {
      thing?.[Symbol.dispose]();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
