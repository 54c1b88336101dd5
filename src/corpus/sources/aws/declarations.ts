/**
 * Reads the prose, operations and shapes out of a generated client declaration (`clients/<service>.d.ts`).
 * The files are machine-made and regular, so lines and indentation are enough; a line that is not understood is passed over.
 */

export interface Operation {
  /** As methods are called: `createCluster`. */
  readonly name: string;
  readonly prose: string;
  readonly input: string | null;
  readonly output: string | null;
}

export interface Member {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly prose: string;
}

/** A structure with members, or another name for a type expression such as `String[]` or `"A"|"B"|string`. */
export type ShapeDeclaration = { readonly members: readonly Member[] } | { readonly alias: string };

export interface Declarations {
  readonly operations: ReadonlyMap<string, Operation>;
  readonly shapes: ReadonlyMap<string, ShapeDeclaration>;
}

const OPERATION =
  /^ {2}(\w+)\((?:params: \w+\.Types\.(\w+), )?callback\?: \(err: AWSError, data: (?:\w+\.Types\.(\w+)|\{\})\) => void\)/;
const STRUCTURE = /^ {2}export interface (\w+) \{/;
const ALIAS = /^ {2}export type (\w+) = (.+);$/;
const MEMBER = /^ {4}"?([\w.:@$-]+)"?(\?)?: (.+);$/;

/** The operations and shapes of one client. Each operation is declared twice, with and without parameters; the first counts. */
export function parseDeclarations(text: string): Declarations {
  const operations = new Map<string, Operation>();
  const shapes = new Map<string, ShapeDeclaration>();
  let prose = "";
  let members: Member[] | null = null;
  for (const line of text.split("\n")) {
    const comment = /^ *\* (.*)$/.exec(line)?.[1];
    if (comment !== undefined) prose += `${comment}\n`;
    if (comment !== undefined || /^ *\/?\*/.test(line)) continue;
    const [, operation, input, output] = OPERATION.exec(line) ?? [];
    const [, structure] = STRUCTURE.exec(line) ?? [];
    const [, alias, type] = ALIAS.exec(line) ?? [];
    const [, member, optional, memberType] = MEMBER.exec(line) ?? [];
    if (operation !== undefined && !operations.has(operation))
      operations.set(operation, {
        name: operation,
        prose: cleanProse(prose),
        input: input ?? null,
        output: output ?? null,
      });
    else if (structure !== undefined) {
      members = [];
      shapes.set(structure, { members });
    } else if (alias !== undefined && type !== undefined) shapes.set(alias, { alias: type });
    else if (members && member !== undefined && memberType !== undefined)
      members.push({ name: member, type: memberType, required: optional === undefined, prose: cleanProse(prose) });
    prose = "";
  }
  return { operations, shapes };
}

/**
 * Prose that lost its HTML: three blanks or more stood for a paragraph or list item, two for the edges of inline code.
 * Gives paragraphs, one a line.
 */
export function cleanProse(prose: string): string {
  return prose
    .replace(/<\/?\w+[^>]*>/g, " ")
    .split(/\s{3,}|\n/)
    .map((paragraph) =>
      paragraph
        .replace(/\s+/g, " ")
        .replace(/ ([.,;:)])/g, "$1")
        .replace(/\( /g, "(")
        .trim(),
    )
    .filter((paragraph) => paragraph !== "")
    .join("\n");
}
