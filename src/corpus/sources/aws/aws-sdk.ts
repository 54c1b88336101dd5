/**
 * The kind `aws-sdk`: the npm package aws-sdk of version 2. Declarations hold the prose, models where an operation is called, examples worked
 * calls with their results: documentation of every operation that has prose, and a trajectory of every example.
 */
import { messageOf, UserError } from "../../../base/errors.js";
import { sha256 } from "../../../base/fingerprint.js";
import type { SourceItem } from "../../forge-document.js";
import { documentItem, rejection } from "../../read/items.js";
import { renderTrajectory } from "../../render/trajectory.js";
import type { SourceFiles, SourceKind } from "../../source-kind.js";
import { type ToolSettings, toolItems } from "../tool-items.js";
import { describeOperation } from "./describe.js";
import { newestModel, readService, type Service } from "./service.js";
import { trajectoryOf } from "./trajectory.js";

export interface AwsSdkSettings extends ToolSettings {
  /** The most operations of a service that are documented, drawn by their names: few of many services teach more than all of few; by default all. */
  readonly operations?: number | null;
}

const CLIENT = /^(.*?)clients\/([^/]+)\.d\.ts$/;

/** A unit is a service. */
export const AWS_SDK: SourceKind<AwsSdkSettings> = {
  units: (files) =>
    files.flatMap(({ path, bytes }) => {
      const [, , key] = CLIENT.exec(path) ?? [];
      return key === undefined || key === "all" ? [] : [{ name: key, files: [path], bytes }];
    }),
  read: ({ files: [path] }, files, settings) => read(path, files, settings),
};

async function* read(path: string, files: SourceFiles, settings: AwsSdkSettings): AsyncGenerator<SourceItem> {
  const [, root = ""] = CLIENT.exec(path) ?? [];
  let service: Service | null;
  try {
    service = await openService(path, root, files);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    yield rejection(path, `the service's model or examples are not JSON: ${messageOf(error)}`, "");
    return;
  }
  // The package declares a few clients that it has no model of.
  if (service === null) yield rejection(path, "the client names no service with a model", "");
  else yield* serviceItems(service, path, settings);
}

async function openService(path: string, root: string, files: SourceFiles): Promise<Service | null> {
  const client = await textIfThere(files, path.replace(/\.d\.ts$/, ".js"));
  const declarations = await files.text(path);
  const name = client === null ? null : newestModel(client);
  if (client === null || declarations === null || name === null) return null;
  const model = await textIfThere(files, `${root}${name}.min.json`);
  if (model === null) return null;
  const examples = await textIfThere(files, `${root}${name}.examples.json`);
  return readService({ client, declarations, model, examples });
}

async function textIfThere(files: SourceFiles, path: string): Promise<string | null> {
  return files.text(path).catch((error: unknown) => {
    if (error instanceof UserError) return null;
    throw error;
  });
}

function* serviceItems(service: Service, path: string, settings: AwsSdkSettings): Generator<SourceItem> {
  const documented = drawn(service, settings.operations ?? null);
  for (const operation of service.operations) {
    const tool = describeOperation(service, operation);
    if (documented.has(operation.name)) yield* toolItems(tool, `${path}#${operation.title}`, settings);
    for (const [index, example] of operation.examples.entries()) {
      const text = renderTrajectory(trajectoryOf(service, operation, example));
      const origin = `${path}#${operation.title}/example-${index + 1}`;
      yield documentItem({ text, origin, form: "trajectory", operation: `${tool.host} ${tool.operation}` }, example);
    }
  }
}

function drawn({ id, operations }: Service, most: number | null): ReadonlySet<string> {
  const names = operations.map(({ name }) => name);
  if (most === null || names.length <= most) return new Set(names);
  const rank = new Map(names.map((name) => [name, sha256(id + name)]));
  return new Set([...names].sort((a, b) => ((rank.get(a) ?? "") < (rank.get(b) ?? "") ? -1 : 1)).slice(0, most));
}
