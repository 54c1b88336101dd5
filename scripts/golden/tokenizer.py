"""Encodes test/golden/tokenizer/texts.json with Hugging Face `tokenizers`, for every variant of our trained tokenizer.

Run: npx tsx scripts/golden/tokenizer-inputs.ts && python3 scripts/golden/tokenizer.py
Needs: pip install tokenizers (the version that made the committed file is in it). Writes ids.json; with --texts-from-stdin it encodes
the JSON list of texts it is given and prints the result instead.
"""

import json
import sys
from pathlib import Path

import tokenizers

FOLDER = Path(__file__).resolve().parents[2] / "test" / "golden" / "tokenizer"


def patched(content: dict, patch: dict) -> dict:
    """The tokenizer with the variant's fields in place; those of `model` are put into the model."""
    model = {**content["model"], **patch.get("model", {})}
    return {**content, **{name: value for name, value in patch.items() if name != "model"}, "model": model}


def encode(content: dict, texts: list[str]) -> dict:
    """Ids with special tokens as text, and with special tokens parsed (null: the same)."""
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(content))

    def ids(literal: bool) -> list[list[int]]:
        tokenizer.encode_special_tokens = literal
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]

    literal, parse = ids(True), ids(False)
    return {"literal": literal, "parse": [None if a == b else b for a, b in zip(literal, parse)]}


def main() -> None:
    content = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))
    variants = json.loads((FOLDER / "variants.json").read_text(encoding="utf-8"))
    live = "--texts-from-stdin" in sys.argv
    texts = json.load(sys.stdin) if live else json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
    result = {
        "tokenizers": tokenizers.__version__,
        "variants": {v["name"]: encode(patched(content, v["patch"]), texts) for v in variants},
    }
    text = json.dumps(result, separators=(",", ":")) + "\n"
    if live:
        sys.stdout.write(text)
    else:
        (FOLDER / "ids.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
