/** A library's prototypes in the bindings against those of its header. */
import { FIXED_WIDTH, type Parameter, type Passed, type Prototype, prototypesOf } from "./prototypes.js";

/** One sentence for each difference; none when the bindings are right. */
export function compareWithHeader(
  table: Readonly<Record<string, string>>,
  declared: ReadonlyMap<string, Prototype>,
): string[] {
  return Object.entries(table).flatMap(([name, text]) => {
    const [ours, ...others] = prototypesOf(`${FIXED_WIDTH}${text};`).values();
    if (ours === undefined || others.length > 0) return [`${name}: "${text}" is not one prototype`];
    if (ours.name !== name) return [`${name}: its prototype is of ${ours.name}`];
    const theirs = declared.get(name);
    return theirs === undefined ? [`${name}: the header has no such function`] : differences(ours, theirs);
  });
}

function differences(ours: Prototype, theirs: Prototype): string[] {
  const { name } = ours;
  const found: string[] = [];
  if (!fits(ours.result, theirs.result)) found.push(`${name}: gives ${ours.result}, the header says ${theirs.result}`);
  if (ours.parameters.length !== theirs.parameters.length)
    return [...found, `${name}: ${ours.parameters.length} parameters, the header has ${theirs.parameters.length}`];
  ours.parameters.forEach((parameter, index) => {
    const other = theirs.parameters[index];
    const which = `${name}: parameter ${index + 1}`;
    if (!fits(parameter.passed, other.passed))
      found.push(
        `${which} (${words(parameter)}) is ${parameter.passed}, the header says ${other.passed} (${words(other)})`,
      );
    // Parameters of one type that change places would pass otherwise.
    else if (parameter.name !== null && other.name !== null && parameter.name !== other.name)
      found.push(`${which} is called ${parameter.name}, the header says ${other.name}`);
  });
  return found;
}

function words({ name }: Parameter): string {
  return name ?? "no name";
}

/** Enumerations are `int` in the bindings; any pointer may be a `void *`; texts must be texts in the header. */
function fits(ours: Passed, theirs: Passed): boolean {
  if (ours === theirs) return true;
  if (ours === "int32") return theirs === "enum";
  return ours === "pointer" && (theirs === "char*" || theirs === "char**");
}
