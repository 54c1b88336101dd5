/**
 * The manifest: size and SHA-256 of every file of a checkpoint. It is written last, so a folder without one is not a checkpoint, and
 * it carries a hash of its own content (`seal`), so that a flipped bit in it is told apart from one in the files.
 */
import { join } from "node:path";
import { messageOf, type Problem, systemCode, UserError } from "../base/errors.js";
import { fingerprintOf, hashFile } from "../base/fingerprint.js";
import { FORMAT, isFileName, MANIFEST_FILE, REQUIRED_FILES } from "./format.js";
import type { FileRecord } from "./hashed-file.js";
import { encodeJson, isObject, plainFileBytes, readJsonObject } from "./json.js";

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly step: number;
  readonly files: Readonly<Record<string, FileRecord>>;
}

const HINT = "the checkpoint is damaged: begin from another one (`--resume auto` takes the newest whole one)";

/** The manifest's text, sealed. */
export function encodeManifest(manifest: Manifest): string {
  return encodeJson({ ...manifest, seal: fingerprintOf(manifest) });
}

/** Reads a folder's manifest and checks its form and seal, not the files. @throws UserError when it is missing, altered or malformed. */
export async function readManifest(folder: string): Promise<Manifest> {
  const where = join(folder, MANIFEST_FILE);
  const { seal, ...rest } = await readJsonObject(where);
  if (seal !== fingerprintOf(rest)) throw new UserError({ what: "this file was altered", where, hint: HINT });
  if (!isManifest(rest))
    throw new UserError({
      what: "this manifest is of a form that this version does not read",
      where,
      expected: `format ${FORMAT} listing ${REQUIRED_FILES.join(", ")}`,
      got: `format ${JSON.stringify(rest.format) ?? "none"}`,
    });
  return rest;
}

/**
 * Checks every file of a checkpoint against its manifest, which is returned.
 * @throws UserError naming every missing, short, long or altered file.
 */
export async function verifyFolder(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  const problems: Problem[] = [];
  for (const [name, record] of Object.entries(manifest.files)) {
    const problem = await checkFile(join(folder, name), record);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) throw new UserError(problems);
  return manifest;
}

/**
 * Checks that a checkpoint is whole.
 * @throws UserError naming every missing, short, long or altered file.
 */
export async function verifyCheckpoint(folder: string): Promise<void> {
  await verifyFolder(folder);
}

async function checkFile(path: string, expected: FileRecord): Promise<Problem | null> {
  try {
    const bytes = plainFileBytes(path);
    if (bytes !== expected.bytes)
      return {
        what: `this file is too ${bytes < expected.bytes ? "short" : "long"}`,
        where: path,
        expected: `${expected.bytes} bytes`,
        got: `${bytes} bytes`,
        hint: HINT,
      };
    const sha256 = await hashFile(path);
    if (sha256 === expected.sha256) return null;
    return {
      what: "this file was altered",
      where: path,
      expected: `SHA-256 ${expected.sha256}`,
      got: sha256,
      hint: HINT,
    };
  } catch (error) {
    if (!(error instanceof UserError) && systemCode(error) === null) throw error;
    // A disk that cannot give the bytes back has lost them, as far as this checkpoint is concerned.
    return error instanceof UserError
      ? { ...error.problems[0], hint: HINT }
      : { what: messageOf(error), where: path, hint: HINT };
  }
}

function isManifest(value: Readonly<Record<string, unknown>>): value is Readonly<Record<string, unknown>> & Manifest {
  const { format, step, files } = value;
  return (
    format === FORMAT &&
    Number.isSafeInteger(step) &&
    isObject(files) &&
    REQUIRED_FILES.every((name) => Object.hasOwn(files, name)) &&
    Object.entries(files).every(([name, record]) => isFileName(name) && isRecord(record))
  );
}

function isRecord(value: unknown): value is FileRecord {
  return isObject(value) && Number.isSafeInteger(value.bytes) && typeof value.sha256 === "string";
}
