"""Asks Hugging Face `tokenizers` and `transformers` what our tokenizers give.

Run: npx tsx scripts/golden/tokenizer-inputs.ts && python3 scripts/golden/tokenizer.py
Needs: pip install tokenizers (the version that made the committed file is in it). Without an argument it encodes texts.json for every
variant of our trained tokenizer and writes ids.json, and decodes what decoders.json asks for into decoded.json. With `real` and the
folder of real-inputs.ts it writes real.json. With `encode`, `file`, `train` or `open` it answers a question on standard input instead,
for test/oracle/tokenizer.test.ts; `open` also needs transformers.
"""

import hashlib
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
    variants = json.loads((FOLDER / "variants.json").read_text(encoding="utf-8"))

    def content(variant: dict) -> dict:
        base = FOLDER / variant.get("base", "tokenizer.json")
        return patched(json.loads(base.read_text(encoding="utf-8")), variant["patch"])

    ids = {variant["name"]: encode(content(variant), texts) for variant in variants}
    return {"tokenizers": tokenizers.__version__, "variants": ids}


def decode(question: dict) -> dict:
    """Texts of lists of ids, with special tokens kept and left out, for every variant of the golden tokenizer."""
    content = json.loads((FOLDER / "tokenizer.json").read_text(encoding="utf-8"))

    def texts(patch: dict) -> list[list[str]]:
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(patched(content, patch)))
        return [[tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)] for ids in question["ids"]]

    return {"tokenizers": tokenizers.__version__, "texts": {v["name"]: texts(v["patch"]) for v in question["variants"]}}


def digest(ids: list[int]) -> list[int] | str:
    """A list as it is, or, if it is long, its length and the hash of its numbers: `digestOf` of real-texts.ts."""
    if len(ids) <= 60:
        return ids
    return f"{len(ids)} {hashlib.sha256(','.join(map(str, ids)).encode()).hexdigest()[:32]}"


def real(folder: Path) -> dict:
    """What the tokenizers of published models say to the questions of real-inputs.ts."""
    questions = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
    files = {}
    for name, lists in questions["ids"].items():
        content = json.loads((folder / name / "tokenizer.json").read_text(encoding="utf-8"))
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(content))
        ids = encode(content, questions["texts"])
        decoded = [[tokenizer.decode(each, skip_special_tokens=skip) for skip in (False, True)] for each in lists]
        parse = [None if each is None else digest(each) for each in ids["parse"]]
        files[name] = {"literal": [digest(each) for each in ids["literal"]], "parse": parse, "decoded": decoded}
    return {"tokenizers": tokenizers.__version__, "files": files}


def encode_file(question: dict) -> dict:
    """Ids of texts, and texts of lists of ids, for the tokenizer of a file."""
    content = json.loads(Path(question["path"]).read_text(encoding="utf-8"))
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(content))
    decoded = [tokenizer.decode(ids, skip_special_tokens=False) for ids in question["ids"]]
    return {**encode(content, question["texts"]), "decoded": decoded}


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
    if sys.argv[1] == "real":
        write("real.json", real(Path(sys.argv[2])))
        return
    answer = {"encode": encode_variants, "file": encode_file, "train": train, "open": open_folder}[sys.argv[1]]
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
