/**
 * Asks pyarrow and Hugging Face `datasets` to open shards that we wrote. The interpreter comes from HEPHAESTUS_PYTHON (default python3).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { openTokenStream } from "../../src/data/shards/token-stream.js";
import {
  countingDocuments,
  expectedWindow,
  HEADER,
  type SampleDocument,
  temporaryFolder,
  writeShard,
} from "../data/shards/shard-samples.js";

const PYTHON = process.env["HEPHAESTUS_PYTHON"] ?? "python3";
const found = spawnSync(PYTHON, ["-c", "import pyarrow, datasets; print(pyarrow.__version__, datasets.__version__)"], {
  encoding: "utf8",
});
const reason =
  found.status === 0 ? null : `${PYTHON} cannot import pyarrow and datasets; set HEPHAESTUS_PYTHON to one that can`;
if (reason !== null) console.log(`skipped: ${reason}`);

const FULL = { ...HEADER, lossMask: true, source: true };
const WIDE = { ...HEADER, vocabulary: 1_000_000, endOfText: 999_999 };
const LENGTHS = [3, 1, 70, 5, 64, 2, 1, 1, 900];

const SCRIPT = {
  pyarrow: `
import sys, json, pyarrow as pa
from pyarrow import ipc
with ipc.open_file(sys.argv[1]) as f:
    table = f.read_all()
    table.validate(full=True)
    stream = [pa.concat_arrays([f.get_batch(i).column(0).values]).to_pylist() for i in range(f.num_record_batches)]
    print(json.dumps({
        "metadata": {k.decode(): v.decode() for k, v in f.schema.metadata.items()},
        "types": [str(field.type) for field in f.schema],
        "rows": table.to_pylist(),
        "stream": sum(stream, []),
    }))`,
  datasets: `
import sys, json, datasets
datasets.disable_progress_bars()
data = datasets.load_dataset("arrow", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2])
print(json.dumps({"rows": data.to_list()}))`,
  streaming: `
import sys, json, datasets
data = datasets.load_dataset("arrow", data_files=sys.argv[1], split="train", streaming=True)
print(json.dumps({"rows": list(data)}))`,
  saved: `
import sys, json, datasets
datasets.disable_progress_bars()
data = datasets.load_dataset("arrow", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2])
data.save_to_disk(sys.argv[3], num_shards=2)
print("{}")`,
};

interface Row {
  readonly input_ids: number[];
  readonly loss_mask?: boolean[];
  readonly source?: string;
}
interface Answer {
  readonly rows: Row[];
  readonly stream: number[];
  readonly types: string[];
  readonly metadata: Record<string, string>;
}

function ask(script: string, ...args: string[]): Answer {
  const env = { ...process.env, HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" };
  const output = execFileSync(PYTHON, ["-c", script, ...args], {
    encoding: "utf8",
    env,
    maxBuffer: 2 ** 26,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answer: Answer = JSON.parse(output.trim().split("\n").at(-1) ?? "");
  return answer;
}

function expectedRows(documents: readonly SampleDocument[], full: boolean): Row[] {
  return documents.map(({ ids, mask, source }) => ({
    input_ids: Array.from(ids),
    ...(full ? { loss_mask: Array.from(mask, (bit) => bit === 1), source } : {}),
  }));
}

describe.skipIf(reason !== null)(`shards in pyarrow and datasets (${found.stdout?.trim()})`, () => {
  it.each([
    ["two-byte ids", HEADER, ["list<item: uint16 not null>"]],
    ["four-byte ids", WIDE, ["list<item: uint32 not null>"]],
    [
      "all columns",
      FULL,
      [
        "list<item: uint16 not null>",
        "list<item: bool not null>",
        "dictionary<values=string, indices=int32, ordered=0>",
      ],
    ],
  ])("open in pyarrow with %s: rows, token stream and metadata are equal", async (_, header, types) => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments(LENGTHS, header);
    const summary = await writeShard(folder.file("a.arrow"), documents, header);
    const answer = ask(SCRIPT.pyarrow, summary.path);
    expect(answer.rows).toEqual(expectedRows(documents, header.source));
    expect(answer.stream).toEqual(documents.flatMap((document) => Array.from(document.ids)));
    expect(answer.types).toEqual(types);
    expect(answer.metadata).toEqual({
      "hephaestus.format": "1",
      "hephaestus.domain": header.domain,
      "hephaestus.tokenizer": header.tokenizer,
      "hephaestus.vocabulary": String(header.vocabulary),
      "hephaestus.end_of_text": String(header.endOfText),
      "hephaestus.documents": String(summary.documents),
      "hephaestus.tokens": String(summary.tokens),
      "hephaestus.content_hash": summary.contentHash,
    });
  });

  it.each([
    ["two-byte ids", HEADER],
    ["four-byte ids", WIDE],
    ["all columns", FULL],
  ])("open in datasets with %s, loaded and streamed", async (_, header) => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments(LENGTHS, header);
    const { path } = await writeShard(folder.file("a.arrow"), documents, header);
    const rows = expectedRows(documents, header.source);
    expect(ask(SCRIPT.datasets, path, folder.file("cache")).rows).toEqual(rows);
    expect(ask(SCRIPT.streaming, path).rows).toEqual(rows);
  });

  it("come back through datasets.save_to_disk", async () => {
    await using folder = await temporaryFolder();
    const documents = countingDocuments(LENGTHS, FULL);
    const { path } = await writeShard(folder.file("a.arrow"), documents, FULL);
    ask(SCRIPT.saved, path, folder.file("cache"), folder.file("saved"));
    await using stream = await openTokenStream(folder.file("saved"));
    expect(stream.files).toBe(2);
    expect(await stream.read(0, stream.tokens)).toEqual(expectedWindow(documents, true, 0, stream.tokens));
  });
});
