"""Golden loss curves: 200 steps of two small Llamas in PyTorch, in float64 and several times in float32, on the CPU.

    python3 scripts/golden/loss_curve.py test/golden/loss-curve.json       (torch, numpy, transformers; one minute)

Weights and tokens come from an integer hash, so that a test makes the same ones without reading them: see `hashed`, `weights`, `batch`.
The decoder is written here in plain PyTorch, because Hugging Face's computes its norms and angles in float32 whatever the model's type is;
Hugging Face's Llama is trained along in float32, and its distance is in the file too.

One float32 run may be lucky. So there are several, which differ only in the order of the model's channels: the same mathematics, other
roundings. Three more float64 runs say where the distance comes from, each with one part of float32: the losses that are written down, the
weights after every update, the gradients before it.
"""

import json
import math
import platform
import sys
from pathlib import Path

import numpy
import torch
import transformers
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

ROWS, LENGTH, STEPS, WARMUP, PEAK, MIN, CLIP = 4, 48, 200, 20, 5e-3, 5e-4, 1.0
ADAMW = {"betas": (0.9, 0.95), "eps": 1e-8}
DECAY = 0.1
C, LAYERS, H, K, D, FF, V, EPSILON = 64, 2, 4, 2, 16, 172, 199, 1e-5
ORDERS = 8
ARCHITECTURE = {"width": C, "layers": LAYERS, "heads": H, "kvHeads": K, "headWidth": D, "feedForward": FF, "vocabulary": V, "normEpsilon": EPSILON}


def hashed(stream: int, count: int) -> numpy.ndarray:
    """`count` 32-bit numbers: the finaliser of MurmurHash3 over stream + index · golden ratio."""
    x = numpy.uint32(stream) + numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
    x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x85EBCA6B)
    x = (x ^ (x >> numpy.uint32(13))) * numpy.uint32(0xC2B2AE35)
    return x ^ (x >> numpy.uint32(16))


def stream_of(name: str) -> int:
    """32-bit FNV-1a."""
    value = 0x811C9DC5
    for letter in name.encode():
        value = (value ^ letter) * 0x01000193 % 2**32
    return value


def shapes(tied: bool) -> dict:
    found = {"model.embed_tokens.weight": (V, C)}
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        found |= {name + "input_layernorm.weight": (C,), name + "self_attn.q_proj.weight": (H * D, C)}
        found |= {name + "self_attn.k_proj.weight": (K * D, C), name + "self_attn.v_proj.weight": (K * D, C)}
        found |= {name + "self_attn.o_proj.weight": (C, H * D), name + "post_attention_layernorm.weight": (C,)}
        found |= {name + "mlp.gate_proj.weight": (FF, C), name + "mlp.up_proj.weight": (FF, C), name + "mlp.down_proj.weight": (C, FF)}
    return found | {"model.norm.weight": (C,)} | ({} if tied else {"lm_head.weight": (V, C)})


def weights(tied: bool) -> dict:
    """Norms 1; matrices uniform in ±0.1, rounded to float32."""
    def drawn(name, shape):
        if len(shape) == 1:
            return numpy.ones(shape)
        values = ((hashed(stream_of(name), math.prod(shape)) >> 8) / 2.0**23 - 1) * 0.1
        return values.astype(numpy.float32).astype(numpy.float64).reshape(shape)
    return {name: torch.from_numpy(drawn(name, shape)) for name, shape in shapes(tied).items()}


def batch(step: int) -> torch.Tensor:
    """Tokens [ROWS, LENGTH + 1]: each is one of four successors of the one before it, 5·token + 0 … 3."""
    drawn = hashed(stream_of(f"step {step}"), ROWS * (LENGTH + 1)).reshape(ROWS, LENGTH + 1)
    tokens = numpy.zeros((ROWS, LENGTH + 1), dtype=numpy.int64)
    tokens[:, 0] = drawn[:, 0] % V
    for at in range(LENGTH):
        tokens[:, at + 1] = (5 * tokens[:, at] + drawn[:, at + 1] % 4) % V
    return torch.from_numpy(tokens)


def rate(step: int) -> float:
    """Linear warm-up, then half a cosine."""
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    return MIN + 0.5 * (1 + math.cos(math.pi * (step + 1 - WARMUP) / (STEPS - WARMUP))) * (PEAK - MIN)


def norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * weight


def turned(x, cos, sin):
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


def losses(w: dict, tokens: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of every target, [ROWS · LENGTH]."""
    embedding = w["model.embed_tokens.weight"]
    angles = torch.arange(LENGTH).double()[:, None] * 10000.0 ** (-torch.arange(0, D, 2).double() / D)
    cos, sin = (table.repeat(1, 2).to(embedding.dtype) for table in (angles.cos(), angles.sin()))
    x = embedding[tokens[:, :-1]]
    for layer in range(LAYERS):
        of = lambda part: w[f"model.layers.{layer}.{part}.weight"]
        heads = lambda y: y.view(ROWS, LENGTH, -1, D).transpose(1, 2)
        h = norm(x, of("input_layernorm"))
        q, k, v = (heads(F.linear(h, of(f"self_attn.{name}_proj"))) for name in "qkv")
        mixed = F.scaled_dot_product_attention(turned(q, cos, sin), turned(k, cos, sin), v, is_causal=True, enable_gqa=True)
        x = x + F.linear(mixed.transpose(1, 2).reshape(ROWS, LENGTH, -1), of("self_attn.o_proj"))
        h = norm(x, of("post_attention_layernorm"))
        x = x + F.linear(F.silu(F.linear(h, of("mlp.gate_proj"))) * F.linear(h, of("mlp.up_proj")), of("mlp.down_proj"))
    logits = F.linear(norm(x, w["model.norm.weight"]), w.get("lm_head.weight", embedding))
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")


def train(w: dict, losses_of=losses, single="") -> list:
    """Mean loss of every step, before its update. `single`: the part of a float64 run that is float32."""
    matrices = [tensor for tensor in w.values() if tensor.dim() == 2]
    vectors = [tensor for tensor in w.values() if tensor.dim() == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK, **ADAMW)
    curve = []
    for step in range(STEPS):
        found = losses_of(w, batch(step))
        shown = losses({name: tensor.float() for name, tensor in w.items()}, batch(step)) if single == "losses" else found
        curve.append(shown.detach().double().mean().item())
        optimizer.zero_grad()
        (found.sum() / found.numel()).backward()
        if single == "gradients":
            rounded(tensor.grad for tensor in w.values())
        torch.nn.utils.clip_grad_norm_(w.values(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        if single == "weights":
            rounded(w.values())
    return curve


def rounded(tensors) -> None:
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(tensor.float())


def leaves(w: dict, dtype: torch.dtype) -> dict:
    return {name: tensor.to(dtype).clone().requires_grad_() for name, tensor in w.items()}


def reordered(w: dict, seed: int) -> dict:
    """The same model with its C channels in another order: they are the rows of what writes to the residual stream, columns elsewhere."""
    order = torch.randperm(C, generator=torch.Generator().manual_seed(seed))
    writes = ("o_proj.weight", "down_proj.weight")
    return {name: tensor[order] if tensor.dim() == 1 or name.endswith(writes) else tensor[:, order] for name, tensor in w.items()}


def hugging_face(w: dict, tied: bool) -> list:
    """Hugging Face's Llama in float32 from the same weights."""
    config = LlamaConfig(
        hidden_size=C, num_hidden_layers=LAYERS, num_attention_heads=H, num_key_value_heads=K, head_dim=D, intermediate_size=FF,
        vocab_size=V, max_position_embeddings=LENGTH, rms_norm_eps=EPSILON, tie_word_embeddings=tied, pad_token_id=None,
        bos_token_id=None, eos_token_id=None, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = LlamaForCausalLM(config).float()
    model.load_state_dict({name: tensor.float() for name, tensor in w.items()}, strict=not tied)
    model.tie_weights()

    def losses_of(_, tokens):
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return train(dict(model.named_parameters()), losses_of)


def largest(curve: list, exact: list) -> float:
    """Largest relative difference."""
    return max(abs(a - b) / b for a, b in zip(curve, exact))


def measure(tied: bool) -> dict:
    w = weights(tied)
    exact = train(leaves(w, torch.float64))
    curve = train(leaves(w, torch.float32))
    others = [train(leaves(reordered(w, seed), torch.float32)) for seed in range(1, ORDERS)]
    parts = {name: largest(train(leaves(w, torch.float64), single=name), exact) for name in ("losses", "weights", "gradients")}
    float32 = [largest(one, exact) for one in (curve, *others)]
    distances = {"float32": float32, "huggingFace": largest(hugging_face(w, tied), exact), "parts": parts}
    return {"float64": exact, "float32": curve, "largestDifference": distances}


def main(path: Path) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    made = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    golden = {
        "made": made,
        "rows": ROWS,
        "length": LENGTH,
        "steps": STEPS,
        "schedule": {"kind": "cosine", "warmup": WARMUP, "start": 0, "peak": PEAK, "min": MIN},
        "clip": CLIP,
        "adamw": {"beta1": ADAMW["betas"][0], "beta2": ADAMW["betas"][1], "epsilon": ADAMW["eps"], "weightDecay": DECAY},
        "architecture": ARCHITECTURE,
        "untied": measure(False),
        "tied": measure(True),
    }
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
