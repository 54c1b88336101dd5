/** Reads the words of `ptxas -v` about each kernel of a file. */

export interface KernelResources {
  readonly title: string;
  readonly name: string;
  readonly registers: number;
  /** Bytes of local memory that registers were moved to. */
  readonly spillStores: number;
  readonly spillLoads: number;
  /** Bytes of local memory for arrays that could not be registers. */
  readonly stack: number;
  /** Bytes of static shared memory. */
  readonly shared: number;
}

/** By the kernel's name. */
export function readResources(log: string): ReadonlyMap<string, Omit<KernelResources, "title" | "name">> {
  const sections = log.split(/Compiling entry function '/).slice(1);
  return new Map(
    sections.map((section) => {
      const number = (pattern: RegExp): number => Number(pattern.exec(section)?.[1] ?? 0);
      const name = section.slice(0, section.indexOf("'"));
      return [
        name,
        {
          registers: number(/Used (\d+) registers/),
          spillStores: number(/(\d+) bytes spill stores/),
          spillLoads: number(/(\d+) bytes spill loads/),
          stack: number(/(\d+) bytes stack frame/),
          shared: number(/(\d+) bytes smem/),
        },
      ];
    }),
  );
}
