"""Writes the small Arrow files of other programs that test/data/shards/shard-foreign.test.ts reads.

Run: ${HEPHAESTUS_PYTHON:-python3} scripts/golden/arrow.py

Every readable file holds the same documents, so that the tests need one expectation: document d has 1 + (d * 5) % 9 tokens, counting on from
the last document's (0, 1, 2, ...), for DOCUMENTS documents. Needs pyarrow and datasets; their versions are recorded in versions.json.
"""

import json
import platform
import shutil
from pathlib import Path

import datasets
import pyarrow as pa
from pyarrow import ipc

FOLDER = Path(__file__).resolve().parents[2] / "test" / "golden" / "arrow"
DOCUMENTS = 40
ROWS_PER_BATCH = 7


def documents():
    rows, token = [], 0
    for d in range(DOCUMENTS):
        length = 1 + (d * 5) % 9
        rows.append(list(range(token, token + length)))
        token += length
    return rows


def write(name, table, stream=False, options=None):
    new = ipc.new_stream if stream else ipc.new_file
    with new(FOLDER / name, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=ROWS_PER_BATCH)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    rows = documents()

    def ids(kind, data=rows):
        return pa.table({"input_ids": pa.array(data, type=kind)})

    # Readable: the ids alone, in both formats and every width, with other columns of awkward layouts around them.
    write("file-int32.arrow", ids(pa.list_(pa.int32())))
    write("stream-int32.arrow", ids(pa.list_(pa.int32())), stream=True)
    write("file-uint16.arrow", ids(pa.list_(pa.uint16())))
    write("file-uint32.arrow", ids(pa.list_(pa.uint32())))
    write("stream-int64.arrow", ids(pa.list_(pa.int64())), stream=True)
    write("file-large-list.arrow", ids(pa.large_list(pa.int64())))
    write("file-metadata-v4.arrow", ids(pa.list_(pa.int32())), options=ipc.IpcWriteOptions(metadata_version=ipc.MetadataVersion.V4))
    around = {
        "nothing": pa.nulls(DOCUMENTS),
        "text": pa.array([f"document {d}" if d % 3 else None for d in range(DOCUMENTS)]),
        "view": pa.array([f"a text that is too long for a view {d}" for d in range(DOCUMENTS)], type=pa.string_view()),
        "pair": pa.array([{"a": d, "b": [d, d + 1]} for d in range(DOCUMENTS)]),
        "fixed": pa.array([[d, d] for d in range(DOCUMENTS)], type=pa.list_(pa.int32(), 2)),
        "kind": pa.array([f"s{d % 2}" for d in range(DOCUMENTS)]).dictionary_encode(),
        "map": pa.array([[("k", d)] for d in range(DOCUMENTS)], type=pa.map_(pa.string(), pa.int64())),
        "either": pa.UnionArray.from_dense(
            pa.array([d % 2 for d in range(DOCUMENTS)], type=pa.int8()),
            pa.array([d // 2 for d in range(DOCUMENTS)], type=pa.int32()),
            [pa.array(range(DOCUMENTS), type=pa.int64()), pa.array([str(d) for d in range(DOCUMENTS)])],
        ),
        "input_ids": pa.array(rows, type=pa.list_(pa.int32())),
        "loss_mask": pa.array([[token % 2 for token in row] for row in rows], type=pa.list_(pa.int64())),
        "after": pa.array([float(d) for d in range(DOCUMENTS)]),
    }
    write("file-many-columns.arrow", pa.table(around))
    write("stream-many-columns.arrow", pa.table(around), stream=True)
    empty_rows = [row for pair in zip([[]] * DOCUMENTS, rows) for row in pair]
    write("file-empty-rows.arrow", ids(pa.list_(pa.int32()), empty_rows))
    for bits in (32, 64):
        features = datasets.Features({"text": datasets.Value("string"), "input_ids": datasets.List(datasets.Value(f"int{bits}"))})
        data = datasets.Dataset.from_dict({"text": [str(d) for d in range(DOCUMENTS)], "input_ids": rows}, features=features)
        data.save_to_disk(FOLDER / f"saved-int{bits}", num_shards=3)
    datasets.DatasetDict({"train": data}).save_to_disk(FOLDER / "saved-splits")

    # Not usable, each for one reason.
    bad = [list(row) for row in rows]
    bad[17][-1] = -100
    write("bad-negative.arrow", ids(pa.list_(pa.int64()), bad))
    bad[17][-1] = 2**31 + 5
    write("bad-above-int32.arrow", ids(pa.list_(pa.int64()), bad))
    bad[17][-1] = 2**32 + 5
    write("bad-above-uint32.arrow", ids(pa.list_(pa.int64()), bad))
    for codec in ("lz4", "zstd"):
        write(f"bad-{codec}.arrow", ids(pa.list_(pa.int32())), options=ipc.IpcWriteOptions(compression=codec))
    write("bad-null-rows.arrow", ids(pa.list_(pa.int32()), [None, *rows[1:]]))
    write("bad-null-values.arrow", ids(pa.list_(pa.int32()), [[None, 1], *rows[1:]]))
    write("bad-no-rows.arrow", ids(pa.list_(pa.int32()), []))
    write("bad-only-empty-rows.arrow", ids(pa.list_(pa.int32()), [[], []]))
    write("bad-no-ids.arrow", pa.table({"text": ["a", "b"]}))
    write("bad-floats.arrow", ids(pa.list_(pa.float32())))
    write("bad-flat.arrow", pa.table({"input_ids": pa.array([1, 2, 3])}))
    write("bad-fixed-list.arrow", ids(pa.list_(pa.int32(), 2), [[1, 2], [3, 4]]))
    write("bad-booleans.arrow", ids(pa.list_(pa.bool_()), [[True], [False]]))
    write("bad-mask-lengths.arrow", pa.table({"input_ids": [[1, 2], [3]], "loss_mask": [[1], [1, 1]]}))
    write("bad-mask-total.arrow", pa.table({"input_ids": [[1, 2], [3]], "loss_mask": [[1], [1]]}))
    write("bad-mask-values.arrow", pa.table({"input_ids": [[1, 2], [3]], "loss_mask": [[1, 0], [2]]}))

    versions = {"python": platform.python_version(), "pyarrow": pa.__version__, "datasets": datasets.__version__}
    (FOLDER / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
