/** A binary heap of plain numbers under an order given by its user; equal items come out in any order. */
export class Heap {
  private readonly items: number[] = [];

  /** `before(a, b)`: whether `a` must come out before `b`. */
  constructor(private readonly before: (a: number, b: number) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  push(item: number): void {
    const { items, before } = this;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the first item out; null when there is none. */
  pop(): number | null {
    const { items, before } = this;
    const first = items[0];
    const moved = items.pop();
    if (first === undefined || moved === undefined) return null;
    const size = items.length;
    if (size === 0) return first;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && before(items[child + 1], items[child])) child++;
      if (!before(items[child], moved)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = moved;
    return first;
  }
}
