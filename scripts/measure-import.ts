/**
 * How fast a checkpoint is read, and how much memory that takes. Writes a sharded bf16 checkpoint of an 8B model (16 GB of random numbers) into a
 * folder that is removed afterwards, then reads it three times, each in a process of its own and with the files dropped from the system's
 * cache: as plain bytes, through the reader into a slot of 8 MiB as a card in bf16 would take it, and the same widened to float32.
 *
 *     npx tsx scripts/measure-import.ts [--folder /tmp/import] [--layers 32]
 *
 * `--layers` makes it smaller. GB are 10^9 bytes of the files; memory is the process's peak, of which Node.js itself has about 80 MB.
 */
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fromBf16 } from "../src/base/bf16.js";
import { sizeOf } from "../src/base/dims.js";
import { openWeights } from "../src/checkpoint/load.js";
import { placedPieces } from "../src/engine/seam.js";
import { fromHuggingFaceConfig } from "../src/model/hugging-face.js";
import { type Parameter, parameterTable } from "../src/model/parameters.js";

/** Llama-3.1-8B's shape (its config.json), with as many layers as asked for. */
const configOf = (layers: number) => ({
  model_type: "llama",
  ...{ vocab_size: 128_256, hidden_size: 4096, intermediate_size: 14_336, num_hidden_layers: layers },
  ...{ num_attention_heads: 32, num_key_value_heads: 8, max_position_embeddings: 131_072, rms_norm_eps: 1e-5 },
  ...{ rope_theta: 500_000, tie_word_embeddings: false, torch_dtype: "bfloat16" },
});

const SHARD_BYTES = 5e9;
const SLOT_BYTES = 8 << 20;
const BLOCK_BYTES = 64 << 20;

function writeCheckpoint(folder: string, layers: number): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(configOf(layers)));
  const block = randomFillSync(new Uint8Array(BLOCK_BYTES));
  // No exponent of all ones: no infinity and no NaN.
  for (let at = 1; at < block.length; at += 2) block[at] &= 0xbf;
  const places: Record<string, string> = {};
  for (const [index, tensors] of shardsOf(parameterTable(fromHuggingFaceConfig(configOf(layers)))).entries()) {
    const name = `model-${String(index + 1).padStart(5, "0")}.safetensors`;
    writeShard(join(folder, name), tensors, block);
    for (const tensor of tensors) places[tensor.name] = name;
  }
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: places }));
}

function shardsOf(table: readonly Parameter[]): Parameter[][] {
  const shards: Parameter[][] = [[]];
  let bytes = 0;
  for (const parameter of table) {
    const size = 2 * sizeOf(parameter.shape);
    if (bytes + size > SHARD_BYTES) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push(parameter);
    bytes += size;
  }
  return shards;
}

function writeShard(path: string, tensors: readonly Parameter[], block: Uint8Array): void {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const { name, shape } of tensors) {
    const begin = end;
    end += 2 * sizeOf(shape);
    header[name] = { dtype: "BF16", shape, data_offsets: [begin, end] };
  }
  const json = JSON.stringify(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, "w");
  writeSync(file, length);
  writeSync(file, json);
  for (let left = end; left > 0; ) left -= writeSync(file, block, 0, Math.min(left, block.length));
}

type Way = "plain" | "bf16" | "f32";

async function read(folder: string, way: Way): Promise<void> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  for (const name of files) dropFromCache(join(folder, name));
  const slot = new ArrayBuffer(SLOT_BYTES);
  const started = performance.now();
  if (way === "plain") for (const name of files) readPlainly(join(folder, name), new Uint8Array(slot, 0, 4 << 20));
  else
    for (const tensor of (await openWeights(folder)).weights())
      for await (const { values } of placedPieces(tensor)) {
        if (!(values instanceof Uint16Array)) throw new Error(`${tensor.name} is not in bf16`);
        if (way === "bf16") new Uint16Array(slot, 0, values.length).set(values);
        else fromBf16(values, new Float32Array(slot, 0, values.length));
      }
  const seconds = (performance.now() - started) / 1000;
  const bytes = files.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  // In kilobytes on every system that Node.js reports it for.
  const peak = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `${way.padEnd(6)} ${(bytes / 1e9).toFixed(2)} GB in ${seconds.toFixed(1)} s: ${(bytes / 1e9 / seconds).toFixed(2)} GB/s, peak ${(peak / 1e6).toFixed(0)} MB\n`,
  );
}

function readPlainly(path: string, into: Uint8Array): void {
  const file = openSync(path, "r");
  while (readSync(file, into, 0, into.length, null) > 0);
}

/** Where the system has GNU's `dd`; elsewhere what was just written may be read from memory. */
function dropFromCache(path: string): void {
  const { status } = spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
  if (status !== 0) process.stdout.write(`${path} may be in the system's cache\n`);
}

const { values: options } = parseArgs({
  options: { folder: { type: "string" }, layers: { type: "string" }, way: { type: "string" } },
});
const folder = options.folder ?? "/tmp/measure-import";
if (options.way === "plain" || options.way === "bf16" || options.way === "f32") await read(folder, options.way);
else
  try {
    writeCheckpoint(folder, Number(options.layers ?? 32));
    spawnSync("sync");
    for (const way of ["plain", "bf16", "f32"]) {
      const script = [fileURLToPath(import.meta.url), "--folder", folder, "--way", way];
      spawnSync(process.execPath, [...process.execArgv, ...script], { stdio: "inherit" });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
