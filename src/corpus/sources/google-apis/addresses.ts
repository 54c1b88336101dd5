/** Reads out of a generated client of the googleapis package (`apis/<api>/<version>.js`) where each method is called. */

export interface Address {
  /** `gmail.googleapis.com`. */
  readonly host: string;
  /** `POST /gmail/v1/users/{userId}/drafts`. */
  readonly http: string;
  readonly required: readonly string[];
}

const CLASS = /^ {4}class Resource\$([\w$]+) \{/;
const METHOD = /^ {8}(\w+)\(paramsOrCallback/;
const ROOT = /rootUrl = options\.rootUrl \|\| '([^']+)'/;
const PATH = /^\s*url: \(rootUrl \+ '([^']*)'\)/;
const VERB = /^\s*method: '([A-Z]+)'/;
const REQUIRED = /^\s*requiredParams: \[([^\]]*)\]/;

/** Addresses by `Resource.method`, such as `Users$Drafts.create`. A method whose host, path or verb is not understood is left out. */
export function parseAddresses(text: string): Map<string, Address> {
  const addresses = new Map<string, Address>();
  let resource = "";
  let method = "";
  let found: { host?: string | undefined; path?: string; verb?: string } = {};
  for (const line of text.split("\n")) {
    const [, name] = CLASS.exec(line) ?? [];
    const [, called] = METHOD.exec(line) ?? [];
    if (name !== undefined) resource = name;
    if (called !== undefined) {
      method = called;
      found = {};
    }
    const [, root] = ROOT.exec(line) ?? [];
    if (root !== undefined) found.host = URL.canParse(root) ? new URL(root).host : undefined;
    const [, path] = PATH.exec(line) ?? [];
    // `{+name}` is a name of several segments (RFC 6570).
    if (path !== undefined) found.path = path.replace(/\/{2,}/g, "/").replaceAll("{+", "{");
    const [, verb] = VERB.exec(line) ?? [];
    if (verb !== undefined) found.verb = verb;
    const [, required] = REQUIRED.exec(line) ?? [];
    if (required === undefined || !found.host || found.path === undefined || found.verb === undefined) continue;
    addresses.set(`${resource}.${method}`, {
      host: found.host,
      http: `${found.verb} ${found.path}`,
      required: [...required.matchAll(/'([^']*)'/g)].map(([, each = ""]) => each),
    });
  }
  return addresses;
}
