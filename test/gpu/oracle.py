"""The oracle of test/gpu/real-sizes.test.ts: every operation of src/engine/native/device.ts in PyTorch, in float64 and plainly in float32.

Reads one JSON object a line: {"op", "storage": "f32" or "bf16", "sizes", "inputs": {name: {file, shape, dtype}}, "outputs": {name: file}}, with
raw little-endian float32 or int32 in the files. Answers with one line: for every output the distance from the float64 result over that result's
length, of what the file holds (`error`) and of plain float32 loops whose stored results are rounded to the storage type (`plain`). Sums are
added one after the other, as in the plain loops of the other tests. Runs on the GPU where PyTorch has one.
"""
import json
import math
import sys

import numpy
import torch

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
F32, F64 = torch.float32, torch.float64


class Mode:
    """How numbers are computed and kept: exactly, or as plain loops would."""

    def __init__(self, exact, storage):
        self.exact, self.storage = exact, storage
        self.type = F64 if exact else F32

    def stored(self, x):
        """As a matrix of the mode's storage holds it."""
        return x if self.exact or self.storage == "f32" else x.to(torch.bfloat16).to(F32)

    def rounded(self, x):
        """A factor of a product of bf16 matrices."""
        return self.stored(x)

    def sum(self, x, dim):
        """Term by term in float32; float64 needs no care."""
        if self.exact:
            return x.sum(dim)
        total = torch.zeros_like(x.select(dim, 0))
        for part in x.unbind(dim):
            total += part
        return total


def norm_sums(m, x, weight, epsilon):
    squares = m.sum(x * x, 1) / x.shape[1]
    return 1 / torch.sqrt(squares + epsilon)


def rms_norm(m, i, s):
    residual = m.stored(i["residual"] + i["delta"])
    rstd = norm_sums(m, residual, i["weight"], s["epsilon"])
    return {"residual": residual, "rstd": rstd, "out": m.stored(residual * rstd[:, None] * i["weight"])}


def rms_norm_backward(m, i, s):
    x, d_out, rstd = i["x"], i["dOut"], i["rstd"][:, None]
    g = i["weight"] * d_out
    mean = m.sum(g * x, 1)[:, None] / x.shape[1]
    unit = x * rstd
    d_x = i["dX"] + rstd * (g - unit * rstd * mean)
    return {"dX": m.stored(d_x), "dWeight": m.stored(i["dWeight"] + m.sum(d_out * unit, 0))}


def matmul(m, i, s):
    a, b = i["a"].T if s["transposeA"] else i["a"], i["b"].T if s["transposeB"] else i["b"]
    if m.exact:
        product = a @ b
    else:
        product = torch.zeros(a.shape[0], b.shape[1], dtype=F32, device=a.device)
        for k in range(a.shape[1]):
            product.addr_(a[:, k], b[k])
    return {"out": m.stored(product + i["plus"] if "plus" in i else product)}


def embed_backward(m, i, s):
    table = i["dTable"].clone()
    table.index_add_(0, i["ids"].long(), i["dOut"])
    return {"dTable": m.stored(table)}


def rope(m, i, s):
    d, heads = s["D"], s["H"] + s["K"]
    qkv = i["qkv"].view(len(i["positions"]), -1, d).clone()
    turn = i["table"][i["positions"].long()]
    cosine, sine = turn[:, None, : d // 2], turn[:, None, d // 2 :]
    low, high = qkv[:, :heads, : d // 2].clone(), qkv[:, :heads, d // 2 :].clone()
    qkv[:, :heads, : d // 2] = low * cosine - high * sine
    qkv[:, :heads, d // 2 :] = high * cosine + low * sine
    return {"qkv": m.stored(qkv.view(i["qkv"].shape))}


def seen(i, s, b, device):
    """Which keys a token of row b sees."""
    t = s["T"]
    token = torch.arange(t, device=device)
    start = i["starts"].view(s["B"], t)[b].long()
    first = torch.maximum(start, token - (s["window"] or t) + 1)
    return (token[None, :] <= token[:, None]) & (token[None, :] >= first[:, None])


def heads_of(i, s):
    qkv = i["qkv"].view(s["B"], s["T"], s["H"] + 2 * s["K"], s["D"])
    return qkv.split((s["H"], s["K"], s["K"]), 2)


def scores_of(q, k, mask, d):
    return (q @ k.T / math.sqrt(d)).masked_fill(~mask, -math.inf)


def attention(m, i, s):
    query, key, value = heads_of(i, s)
    out, lse = torch.empty_like(query), torch.empty(query.shape[:3], dtype=m.type, device=query.device)
    for b in range(s["B"]):
        mask = seen(i, s, b, query.device)
        for h in range(s["H"]):
            g = h * s["K"] // s["H"]
            score = scores_of(query[b, :, h], key[b, :, g], mask, s["D"])
            top = score.amax(1, keepdim=True)
            power = torch.exp(score - top)
            total = power.sum(1, keepdim=True)
            out[b, :, h] = m.rounded(power) @ value[b, :, g] / total
            lse[b, :, h] = (top + torch.log(total))[:, 0]
    return {"out": m.stored(out), "lse": lse}


def attention_backward(m, i, s):
    query, key, value = heads_of(i, s)
    forward = attention(m, i, s)
    out, d_out = forward["out"].reshape(query.shape), i["dOut"].view(query.shape)
    lse = forward["lse"].reshape(query.shape[:3])
    d_query, d_key, d_value = torch.zeros_like(query), torch.zeros_like(key), torch.zeros_like(value)
    scale = 1 / math.sqrt(s["D"])
    for b in range(s["B"]):
        mask = seen(i, s, b, query.device)
        for h in range(s["H"]):
            g = h * s["K"] // s["H"]
            q, k, v, d_o = query[b, :, h], key[b, :, g], value[b, :, g], d_out[b, :, h]
            power = torch.exp(scores_of(q, k, mask, s["D"]) - lse[b, :, h, None])
            dots = (d_o * out[b, :, h]).sum(1, keepdim=True)
            d_score = m.rounded(power * (d_o @ v.T - dots))
            d_value[b, :, g] += m.rounded(power).T @ d_o
            d_query[b, :, h] = d_score @ k * scale
            d_key[b, :, g] += d_score.T @ q * scale
    return {**forward, "dQkv": m.stored(torch.cat((d_query, d_key, d_value), 2))}


def swiglu(m, i, s):
    gate, up = i["gateUp"].chunk(2, 1)
    return {"out": m.stored(gate * torch.sigmoid(gate) * up)}


def swiglu_backward(m, i, s):
    gate, up = i["gateUp"].chunk(2, 1)
    share = torch.sigmoid(gate)
    d_gate = i["dOut"] * up * share * (1 + gate * (1 - share))
    return {"dGateUp": m.stored(torch.cat((d_gate, i["dOut"] * gate * share), 1))}


def cross_entropy(m, i, s):
    logits = i["logits"][:, : s["vocabulary"]]
    mask, targets = i["mask"][:, None], i["targets"].long()[:, None]
    top = logits.amax(1, keepdim=True)
    power = torch.exp(logits - top)
    total = m.sum(power, 1)[:, None]
    loss = mask * (top + torch.log(total) - logits.gather(1, targets))
    gradient = (power / total).scatter_add(1, targets, -torch.ones_like(loss)) * (i["scalars"][0] * mask)
    wide = torch.zeros_like(i["logits"])
    wide[:, : s["vocabulary"]] = gradient
    return {"loss": loss[:, 0], "logits": m.stored(wide)}


def squared_norm(m, i, s):
    # Added in float64, so the only error is the last rounding.
    return {"out": (i["x"].to(F64) ** 2).sum()[None].to(m.type)}


def adamw(m, i, s):
    names = ("lossScale", "clip", "rate", "beta1", "beta2", "epsilon", "decay", "correction1", "correction2", "rest1", "rest2")
    n = dict(zip(names, i["scalars"]))
    g = n["clip"] * i["gradient"]
    moment1 = n["beta1"] * i["moment1"] + n["rest1"] * g
    moment2 = n["beta2"] * i["moment2"] + n["rest2"] * g * g
    weight = i["master"] if "master" in i else i["weight"]
    change = moment1 / n["correction1"] / (torch.sqrt(moment2 / n["correction2"]) + n["epsilon"]) + n["decay"] * weight
    new = weight - n["rate"] * change
    results = {"moment1": moment1, "moment2": moment2, "gradient": torch.zeros_like(g)}
    return {**results, "weight": m.stored(new), **({"master": new} if "master" in i else {})}


OPERATIONS = {
    "add": lambda m, i, s: {"out": m.stored(i["out"] + i["x"])},
    "addBias": lambda m, i, s: {"out": m.stored(i["out"] + i["bias"])},
    "addBiasBackward": lambda m, i, s: {"dBias": m.stored(i["dBias"] + m.sum(i["dOut"], 0))},
    "embed": lambda m, i, s: {"out": i["table"][i["ids"].long()]},
    "embedBackward": embed_backward,
    "rmsNorm": rms_norm,
    "rmsNormBackward": rms_norm_backward,
    "matmul": matmul,
    "rope": rope,
    "attention": attention_backward,
    "swiglu": swiglu,
    "swigluBackward": swiglu_backward,
    "crossEntropy": cross_entropy,
    "squaredNorm": squared_norm,
    "adamw": adamw,
}


def load(file, shape, dtype, floats):
    raw = numpy.fromfile(file, dtype=numpy.int32 if dtype == "i32" else numpy.float32).reshape(shape)
    tensor = torch.from_numpy(raw).to(DEVICE)
    return tensor if dtype == "i32" else tensor.to(floats)


def run(task, exact):
    mode = Mode(exact, task["storage"])
    inputs = {name: load(one["file"], one["shape"], one["dtype"], mode.type) for name, one in task["inputs"].items()}
    return OPERATIONS[task["op"]](mode, inputs, task["sizes"])


def answer(task):
    exact, plain = run(task, True), run(task, False)
    result = {}
    for name, file in task["outputs"].items():
        reference = exact[name].reshape(-1)
        found = load(file, (reference.numel(),), "f32", F64)
        length = reference.norm().item() or 1.0
        far = lambda x: (x.to(F64).reshape(-1) - reference).norm().item() / length
        result[name] = {"error": far(found), "plain": far(plain[name])}
    return result


def main():
    print(json.dumps({"oracle": f"PyTorch {torch.__version__}", "device": DEVICE}), flush=True)
    for line in sys.stdin:
        try:
            reply = {"results": answer(json.loads(line))}
        except Exception as error:  # Told to the test, which fails with it.
            reply = {"failure": f"{type(error).__name__}: {error}"}
        if DEVICE == "cuda":
            torch.cuda.empty_cache()
        # JSON has no NaN.
        print(json.dumps(reply).replace("NaN", "null").replace("Infinity", "null"), flush=True)


main()
