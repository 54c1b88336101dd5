"""Writes test/golden/safetensors/: small files made by the Python safetensors library and PyTorch, and what is in them.

    python scripts/golden/safetensors-files.py test/golden/safetensors

`expected.json` holds, for every tensor, dtype, shape and the bits of its values as float32 (hexadecimal, little-endian) computed by
PyTorch, or null for dtypes that are not read as float32. All values are synthetic. Needs torch, numpy and safetensors, which
a script of the same name would hide from every other script here.
"""

import json
import pathlib
import sys

import numpy
import safetensors
import torch
from safetensors.torch import save_file


def special(dtype: torch.dtype) -> torch.Tensor:
    """Zeros of both signs, infinities, a quiet NaN, the smallest subnormal, the smallest normal, the largest and the last before 1."""
    limits = torch.finfo(dtype)
    smallest = float(torch.tensor(limits.smallest_normal, dtype=torch.float64) * limits.eps)
    values = [0.0, -0.0, float("inf"), -float("inf"), float("nan"), smallest]
    values += [limits.smallest_normal, limits.max, limits.min, 1 - limits.eps / 2]
    return torch.tensor(values, dtype=torch.float64).to(dtype)


def spread(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    """Every magnitude that float16 knows, both signs."""
    count = int(numpy.prod(shape))
    steps = torch.arange(count, dtype=torch.float64)
    return ((-1) ** steps * 2 ** (steps % 38 - 24) * (1 + steps / count)).reshape(shape).to(dtype)


FILES = {
    "float32.safetensors": (
        {"model.norm.weight": special(torch.float32), "model.embed_tokens.weight": spread(torch.float32, 5, 7)},
        {"format": "pt"},
    ),
    "mixed.safetensors": (
        {
            "b16": special(torch.bfloat16),
            "b16.matrix": spread(torch.bfloat16, 3, 2, 5),
            "f16": special(torch.float16),
            "f16.matrix": spread(torch.float16, 6, 7),
            "f32.scalar": torch.tensor(-0.1),
            "f32.empty": torch.zeros(0, 4),
            "f64": special(torch.float64),
            "i64": torch.arange(-3, 3),
            "u8.name with ü, \" and \\": torch.arange(5, dtype=torch.uint8),
            "bool": torch.tensor([True, False, True]),
        },
        # One entry: the library writes several in an order that changes from run to run.
        {"note": "dtypes of one, two, four and eight bytes"},
    ),
    "no-metadata.safetensors": ({"only": spread(torch.float32, 3)}, None),
}

READ = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
OTHER = {torch.float64: "F64", torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL"}


def describe(tensor: torch.Tensor) -> dict:
    bits = tensor.to(torch.float32).numpy().astype("<f4").tobytes().hex() if tensor.dtype in READ else None
    return {"dtype": {**READ, **OTHER}[tensor.dtype], "shape": list(tensor.shape), "float32": bits}


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, (tensors, metadata) in FILES.items():
        save_file(tensors, folder / name, metadata=metadata)
        files[name] = {"metadata": metadata or {}, "tensors": {key: describe(value) for key, value in tensors.items()}}
    versions = {"safetensors": safetensors.__version__, "torch": torch.__version__, "numpy": numpy.__version__}
    text = json.dumps({"versions": versions, "files": files}, indent=1, ensure_ascii=True)
    (folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
