"""Asks Hugging Face `tokenizers` and `transformers` what our tokenizers give.

Run: npx tsx scripts/golden/tokenizer-inputs.ts && python3 scripts/golden/tokenizer.py
Needs: pip install tokenizers (the version that made the committed file is in it). Without an argument it encodes texts.json for every
variant of our trained tokenizer and writes ids.json, and decodes what decoders.json asks for into decoded.json. With `encode`, `decode`, `train` or `open` it answers a question on standard input instead,
for test/oracle/tokenizer.test.ts; `open` also needs transformers.
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


def encode_variants(texts: list[str]) -> dict:
    content = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))
    variants = json.loads((FOLDER / "variants.json").read_text(encoding="utf-8"))
    return {
        "tokenizers": tokenizers.__version__,
        "variants": {v["name"]: encode(patched(content, v["patch"]), texts) for v in variants},
    }


def decode(question: dict) -> dict:
    """Texts of lists of ids, with special tokens kept and left out, for every variant of the golden tokenizer."""
    content = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))

    def texts(patch: dict) -> list[list[str]]:
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(patched(content, patch)))
        return [[tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)] for ids in question["ids"]]

    return {"tokenizers": tokenizers.__version__, "texts": {v["name"]: texts(v["patch"]) for v in question["variants"]}}


def train(question: dict) -> dict:
    """Trains on the texts with the pre-tokenizer of the golden tokenizer."""
    golden = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = golden.pre_tokenizer
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=question["vocabulary"],
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(question["texts"], trainer)
    return json.loads(tokenizer.to_str())["model"]


def open_folder(question: dict) -> dict:
    """Opens a folder that `prepare` wrote the way a user of transformers does."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(question["folder"])
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in question["texts"]]
    decoded = [tokenizer.decode(each) for each in ids]
    return {"endOfText": tokenizer.eos_token_id, "vocabulary": len(tokenizer), "ids": ids, "decoded": decoded}


def write(name: str, content: dict) -> None:
    (FOLDER / name).write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    if len(sys.argv) == 1:
        texts = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
        write("ids.json", encode_variants(texts))
        write("decoded.json", decode(json.loads((FOLDER / "decoders.json").read_text(encoding="utf-8"))))
        return
    answer = {"encode": encode_variants, "decode": decode, "train": train, "open": open_folder}[sys.argv[1]]
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
