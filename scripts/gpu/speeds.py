"""Both sides' tokens per second and their ratio, in one line: speeds.py NAME OURS.json TORCH.json; a side that failed is null."""
import json
import sys


def found(value, names):
    """The first of these fields anywhere in a report."""
    if isinstance(value, dict):
        for name in names:
            if isinstance(value.get(name), (int, float)):
                return value[name]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            inside = found(one, names)
            if inside is not None:
                return inside
    return None


def speed(path):
    """Our report is one object over many lines, PyTorch's the last line."""
    try:
        with open(path) as file:
            text = file.read()
    except OSError:
        return None
    for part in (text, text.strip().rsplit("\n", 1)[-1]):
        try:
            return found(json.loads(part), ("tokensPerSecond", "tokens_per_second"))
        except ValueError:
            continue
    return None


name, *paths = sys.argv[1:]
ours, theirs = map(speed, paths)
ratio = round(ours / theirs, 3) if ours and theirs else None
print(json.dumps({"shape": name, "tokensPerSecond": ours, "pytorch": theirs, "ratio": ratio}))
