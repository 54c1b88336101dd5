/**
 * Reads methods, parameters and schemas out of a generated declaration of the googleapis package (`apis/<api>/<version>.d.ts`). The files are
 * machine-made and regular, so lines and indentation are enough; a line that is not understood is passed over.
 */

export interface DeclaredMember {
  readonly name: string;
  /** The type's expression on one line, without `| null`. */
  readonly type: string;
  readonly prose: string;
}

export interface DeclaredMethod {
  /** `Users$Drafts`; the names of the resources it belongs to. */
  readonly resource: string;
  readonly name: string;
  readonly prose: string;
  /** Name of the interface of its parameters. */
  readonly parameters: string | null;
  /** The type's expression of what it gives; null for nothing or a stream. */
  readonly result: string | null;
}

export interface Declarations {
  /** The API's name for people, as `Gmail API`; null where it is not said. */
  readonly title: string | null;
  readonly methods: readonly DeclaredMethod[];
  /** Members of every interface, by its name: `Schema$Draft`, `Params$Resource$Users$Drafts$Create`. */
  readonly interfaces: ReadonlyMap<string, readonly DeclaredMember[]>;
}

const INTERFACE = /^ {4}(?:export )?interface ([\w$]+)/;
const RESOURCE = /^ {4}export class Resource\$([\w$]+) \{/;
const API = /^ {4}export class (?!Resource\$)\w+ \{/;
const MEMBER = /^ {8}(?:'([^']+)'|([\w$]+))\??: (.+)$/;
const METHOD = /^ {8}(\w+)\(params\??: ([\w$]+),.*\): Promise<\w+<(.+)>>;$/;
/** A type over several lines ends with a line as far to the left as its first. */
const END_OF_TYPE = /^ {8}\}.*;$/;
const MAX_TYPE_LINES = 40;

/** All declarations of a file. Each method is declared several times; the first one that does not give a stream counts. */
export function parseDeclarations(text: string): Declarations {
  const reader = new DeclarationReader();
  for (const line of text.split("\n")) reader.take(line);
  return reader;
}

class DeclarationReader implements Declarations {
  title: string | null = null;
  readonly methods: DeclaredMethod[] = [];
  readonly interfaces = new Map<string, DeclaredMember[]>();
  private members: DeclaredMember[] | null = null;
  private resource: string | null = null;
  private comment: string[] = [];
  private inComment = false;
  /** Lines of a type that is not complete yet. */
  private open: string[] = [];

  take(line: string): void {
    if (this.inComment || /^\s*\/\*\*/.test(line)) this.takeComment(line);
    else if (this.open.length > 0) this.takeType(line);
    else this.takeDeclaration(line);
  }

  private takeComment(line: string): void {
    if (!this.inComment) this.comment = [];
    this.inComment = !line.includes("*/");
    const words = /^\s*(?:\/\*\*|\*(?!\/))\s?(.*?)(?:\*\/)?$/.exec(line)?.[1];
    if (words !== undefined) this.comment.push(words);
  }

  private takeType(line: string): void {
    this.open.push(line.trim());
    if (END_OF_TYPE.test(line)) {
      this.addMember(`        ${this.open.join(" ")}`);
      this.open = [];
    } else if (this.open.length > MAX_TYPE_LINES) this.open = [];
  }

  private takeDeclaration(line: string): void {
    const [, name] = INTERFACE.exec(line) ?? [];
    const [, resource] = RESOURCE.exec(line) ?? [];
    if (name !== undefined) {
      this.members = [];
      this.resource = null;
      this.interfaces.set(name, this.members);
    } else if (resource !== undefined) {
      this.resource = resource;
      this.members = null;
    } else if (API.test(line)) this.title = this.comment.find((words) => words.trim() !== "")?.trim() ?? null;
    else if (this.members !== null && /^ {8}\S.*\{$/.test(line)) this.open = [line.trim()];
    else if (this.members !== null) this.addMember(line);
    else if (this.resource !== null) this.addMethod(line, this.resource);
  }

  private addMember(line: string): void {
    const [, quoted, plain, type] = MEMBER.exec(line) ?? [];
    const name = quoted ?? plain;
    if (name === undefined || type === undefined) return;
    this.members?.push({ name, type: withoutNull(type), prose: proseOf(this.comment) });
    this.comment = [];
  }

  private addMethod(line: string, resource: string): void {
    const [, name, parameters, result] = METHOD.exec(line) ?? [];
    if (name === undefined || result === "Readable") return;
    const last = this.methods.at(-1);
    if (last?.name === name && last.resource === resource) return;
    const given = result === undefined || result === "void" || result === "unknown" ? null : withoutNull(result);
    this.methods.push({ resource, name, prose: proseOf(this.comment), parameters: parameters ?? null, result: given });
  }
}

function withoutNull(type: string): string {
  return type
    .replace(/;$/, "")
    .replaceAll(/ \| null\b/g, "")
    .trim();
}

/** A comment up to its first tag: after it come samples made by machine, and what every method has. */
function proseOf(comment: readonly string[]): string {
  const end = comment.findIndex((line) => /^@\w/.test(line));
  return comment
    .slice(0, end === -1 ? undefined : end)
    .join("\n")
    .trim();
}
