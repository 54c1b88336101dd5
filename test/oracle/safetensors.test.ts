/**
 * Against the Python safetensors library, in both directions, with NaN payloads: needs safetensors and numpy in the interpreter that
 * HEPHAESTUS_PYTHON names (default: python3).
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromF16 } from "../../src/checkpoint/half.js";
import { SafetensorsFile } from "../../src/checkpoint/safetensors.js";
import { saveCheckpoint } from "../../src/checkpoint/save.js";
import { sourceOf } from "../../src/checkpoint/tensor-files.js";
import { bitsOf, contentOf, newFolder, tensor, wholeTensors } from "../checkpoint/content.js";

const python = process.env.HEPHAESTUS_PYTHON ?? "python3";
const probe = spawnSync(python, ["-c", "import safetensors.numpy, numpy"], { encoding: "utf8" });
const missing = probe.status === 0 ? null : `${python} cannot import safetensors and numpy (set HEPHAESTUS_PYTHON)`;

/** Runs Python code; what it prints, as JSON. */
function ask(code: string, ...values: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(python, ["-c", code, ...values], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const READ = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "numpy") as file:
    names = list(file.keys())
    tensors = {name: file.get_tensor(name) for name in names}
    print(json.dumps({"metadata": file.metadata(), "tensors": {
        name: {"dtype": str(t.dtype), "shape": list(t.shape), "bytes": t.tobytes().hex()} for name, t in tensors.items()}}))
`;

const hexOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("hex");

describe("safetensors against Python", () => {
  it("Python reads our checkpoint's tensors: names, shapes and every byte", async ({ skip }) => {
    if (missing !== null) skip(missing);
    const content = contentOf(3, 5000);
    const odd = [tensor('ü "quoted" \\ 0', "weight", [1, 2]), { ...tensor("scalar", "weight", [7]), shape: [] }];
    const empty = { ...tensor("empty", "weight", []), shape: [3, 0] };
    const weights = [...content.weights, ...odd, empty];
    const folder = await saveCheckpoint(newFolder(), { ...content, weights });
    const expected = (tensors: typeof weights) =>
      Object.fromEntries(
        tensors.map(({ name, kind, shape, data }) => [
          kind === "weight" ? name : `${name}.${kind}`,
          { dtype: "float32", shape, bytes: hexOf(data) },
        ]),
      );
    const metadata = { format: "pt" };
    expect(ask(READ, join(folder, "model.safetensors"))).toEqual({ metadata, tensors: expected(weights) });
    const moments = ask(READ, join(folder, "optimizer.safetensors"));
    expect(moments).toEqual({ metadata, tensors: expected([...content.moments]) });
  });

  it("Python writes, we read: random float32 bit patterns of random shapes", async ({ skip }) => {
    if (missing !== null) skip(missing);
    const path = join(newFolder(), "x.safetensors");
    const tensors = ask(
      `
import json, sys, numpy
from safetensors.numpy import save_file
random = numpy.random.default_rng(1)
tensors = {}
for i in range(40):
    shape = random.integers(0, 6, size=random.integers(0, 4))
    bits = random.integers(0, 2**32, size=shape, dtype=numpy.uint32)
    tensors[f"t{i}"] = numpy.asarray(bits, dtype=numpy.uint32).view(numpy.float32)
save_file(tensors, sys.argv[1])
print(json.dumps([[name, list(t.shape), numpy.asarray(t).view(numpy.uint32).ravel().tolist()] for name, t in tensors.items()]))
`,
      path,
    );
    const file = SafetensorsFile.open(path);
    const sources = file.tensors.map((entry) => sourceOf(file, entry, { name: entry.name, kind: "weight" }));
    const read = (await wholeTensors(sources)).map(({ name, shape, data }) => [name, shape, bitsOf(data)]);
    expect(new Map(read.map((row) => [row[0], row]))).toEqual(
      new Map(Array.from(tensors as unknown[][], (row) => [row[0], row])),
    );
  });

  it("Python refuses what we refuse, and the other way round, for damaged headers", ({ skip }) => {
    if (missing !== null) skip(missing);
    const folder = newFolder();
    const headers = [
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}',
      '{"a":{"dtype":"X32","shape":[2],"data_offsets":[0,8]}}',
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"__metadata__":{"x":"y"}}',
      '{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"__metadata__":{"x":1}}',
      '{"a":{"dtype":"I64","shape":[-1,-1],"data_offsets":[0,8]}}',
    ];
    const paths = headers.map((header, index) => {
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      const path = join(folder, `${index}.safetensors`);
      writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]));
      return path;
    });
    const ours = paths.map((path) => {
      try {
        SafetensorsFile.open(path);
        return true;
      } catch {
        return false;
      }
    });
    const code = `
import json, sys
from safetensors import safe_open
def opens(path):
    try:
        with safe_open(path, "numpy") as file: list(file.keys())
        return True
    except Exception: return False
print(json.dumps([opens(path) for path in sys.argv[1:]]))
`;
    expect(ours).toEqual(ask(code, ...paths));
    expect(new Set(ours)).toEqual(new Set([true, false]));
  });

  it("numpy widens every float16 to the same bits", ({ skip }) => {
    if (missing !== null) skip(missing);
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const out = new Float32Array(halves.length);
    fromF16(halves, out);
    // NaNs are compared as such: the processor may quieten a signalling one on conversion.
    const code = `
import json, numpy
out = numpy.arange(65536, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float32)
print(json.dumps([None if numpy.isnan(value) else int(bits) for value, bits in zip(out, out.view(numpy.uint32))]))
`;
    const bits = new Uint32Array(out.buffer);
    expect([...out].map((value, i) => (Number.isNaN(value) ? null : bits[i]))).toEqual(ask(code));
  });
});
