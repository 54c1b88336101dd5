/** The `agent` domain: tool documentation and function-calling trajectories from the aws-sdk package. */
import { sha256 } from "../../src/base/fingerprint.js";
import { readService, type Service, serviceKeys } from "./aws-service.js";
import type { SampleDocument } from "./sample-document.js";
import { documentTool } from "./tool-documentation.js";
import { trajectoryOf } from "./trajectory.js";

/** Documentation stops after this many bytes; with the trajectories the domain is then about 1.8 million tokens. */
const DOCUMENTATION_BYTES = 5_500_000;
/** Few operations of many services teach more than all operations of few. */
const OPERATIONS_OF_SERVICE = 14;

/** Trajectories of every example there is, and documentation of services in an order drawn by their names, those with examples first. */
export function* agentDocuments(
  files: ReadonlyMap<string, string>,
  origin: string,
  licence: string,
): Generator<SampleDocument> {
  let bytes = 0;
  for (const key of keysInOrder(files)) {
    if (bytes > DOCUMENTATION_BYTES) return;
    const service = readService(files, key);
    if (service === null) continue;
    for (const document of serviceDocuments(service)) {
      yield { ...document, source: `${origin}/${document.source}`, licence };
      if (document.source.startsWith("tools/")) bytes += Buffer.byteLength(document.text);
    }
  }
}

function keysInOrder(files: ReadonlyMap<string, string>): string[] {
  const rank = new Map(serviceKeys(files).map((key) => [key, `${hasExamples(files, key) ? 0 : 1}${sha256(key)}`]));
  return [...rank].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([key]) => key);
}

/** An examples file without examples is a few bytes of frame. */
function hasExamples(files: ReadonlyMap<string, string>, key: string): boolean {
  const client = files.get(`clients/${key}.js`) ?? "";
  const paths = [...client.matchAll(/require\('\.\.\/(apis\/[^']+)\.min\.json'\)/g)].map(
    ([, path]) => `${path}.examples.json`,
  );
  return paths.some((path) => /"input"|"output"/.test(files.get(path) ?? ""));
}

function* serviceDocuments(service: Service): Generator<{ text: string; source: string }> {
  const drawn = [...service.operations].sort((a, b) =>
    sha256(service.id + a.name) < sha256(service.id + b.name) ? -1 : 1,
  );
  for (const operation of drawn.slice(0, OPERATIONS_OF_SERVICE))
    yield { text: documentTool(service, operation), source: `tools/${service.id}/${operation.title}` };
  for (const operation of service.operations)
    for (const [index, example] of operation.examples.entries())
      yield {
        text: trajectoryOf(service, operation, example),
        source: `calls/${service.id}/${operation.title}/${index + 1}`,
      };
}
