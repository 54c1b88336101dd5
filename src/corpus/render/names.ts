/** Names of APIs as names in programming languages. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const RESERVED: ReadonlySet<string> = new Set(
  (
    "delete import new default function class return in is for if while with from as not and or lambda pass del global export var let " +
    "const void this null true false none switch case try catch finally throw raise async await yield def"
  ).split(" "),
);

export function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name);
}

/** The last part of a dotted or slashed name as a function's: `EC2.runInstances` → `runInstances`. */
export function camelName(name: string): string {
  const [first = "call", ...rest] = wordsOfName(lastPart(name));
  const camel = first + rest.map(capital).join("");
  return safe(camel.charAt(0).toLowerCase() + camel.slice(1), (word) => `${word}_`);
}

/** `EC2.runInstances` → `run_instances`. */
export function snakeName(name: string): string {
  const words = wordsOfName(lastPart(name)).flatMap((word) =>
    word.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/),
  );
  return safe(words.join("_").toLowerCase() || "call", (word) => `${word}_`);
}

/** A type's name: `runInstances` → `RunInstances`. */
export function pascalName(name: string): string {
  return safe(wordsOfName(name).map(capital).join("") || "Value", (word) => `${word}_`);
}

/** A parameter in Python: as it is written where that is possible. */
export function pythonName(name: string): string {
  return safe(wordsOfName(name).join("_") || "value", (word) => `${word}_`);
}

function lastPart(name: string): string {
  return (
    name
      .split(/[./:]/)
      .filter((part) => /\w/.test(part))
      .at(-1) ?? name
  );
}

function wordsOfName(name: string): string[] {
  return name.split(/[^\p{L}\p{N}_]+|_+(?=$)|^_+/u).filter((word) => word !== "");
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function safe(name: string, mark: (name: string) => string): string {
  if (RESERVED.has(name.toLowerCase())) return mark(name);
  return /^\d/.test(name) ? `_${name}` : name;
}
