/** Files as bytes, decompressed by what their names end in: `.gz` (any number of members), `.zst` (any number of frames), else as they are. */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf, systemCode } from "../../base/errors.js";
import { unzstd } from "./zstandard.js";

/** A compressed file that is damaged or cut short; failures of the disk stay what they are. */
export class DamagedStream extends Error {}

const CHUNK_BYTES = 1 << 20;

/** A path without the ending that says how the file is compressed, in lower case: `a/b.jsonl` of `A/b.jsonl.GZ`. */
export function uncompressedName(path: string): string {
  return path.toLowerCase().replace(/\.(?:gz|zst)$/, "");
}

/** @throws DamagedStream where the bytes are not what the name says. */
export async function* decompress(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const name = path.toLowerCase();
  if (name.endsWith(".gz")) yield* gunzip(chunks);
  else if (name.endsWith(".zst")) yield* zstandard(chunks);
  else yield* chunks;
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // The callback has nothing to do: pipeline hands any failure of the file to the stream that is read below.
  const bytes = pipeline(
    Readable.from(chunks, { objectMode: false }),
    createGunzip({ chunkSize: CHUNK_BYTES }),
    () => {},
  );
  try {
    for await (const chunk of bytes) yield chunk as Uint8Array;
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (!code.startsWith("Z_")) throw error;
    const what = code === "Z_BUF_ERROR" ? "this gzip file is cut short" : "this gzip file is damaged";
    throw new DamagedStream(what, { cause: error });
  }
}

async function* zstandard(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = keepFailures(chunks);
  try {
    yield* unzstd(source.chunks);
  } catch (error) {
    const failure = source.failure();
    if (failure !== null) throw failure.error;
    throw new DamagedStream(`this zstd file is damaged: ${messageOf(error)}`, { cause: error });
  }
}

/** The chunks, and what ended them: a failure of the disk must not pass for damaged data. */
function keepFailures(chunks: AsyncIterable<Uint8Array>): {
  chunks: AsyncIterable<Uint8Array>;
  failure: () => { readonly error: unknown } | null;
} {
  let failure: { readonly error: unknown } | null = null;
  async function* kept(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  return { chunks: kept(), failure: () => failure };
}
