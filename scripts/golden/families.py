"""Golden folders of every family of models that can be continued: written by transformers, run by it, trained by PyTorch.

    python3 scripts/golden/families.py golden test/golden/families
    python3 scripts/golden/families.py random <seed> <folder>     two models of each class, of random shapes
    python3 scripts/golden/families.py run <folder>...            models that somebody else wrote

Each folder is what `save_pretrained` wrote of a small random model, and `expected.json`: logits of a batch, the losses of five training
steps, and how far float32 runs of the same model are from float64: the worst of several that add up in different orders, since one run
may be lucky. transformers computes norms, softmax and angles in float32 whatever
the model's type; the float64 run reads every float32 in its code as float64. Needs torch and transformers; their versions are in the file.
"""

import base64
import json
import platform
import random
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, SmolLM3Config

ROWS, LENGTH, STEPS = 2, 12, 5
# An epsilon of 1e-8 would turn a gradient that is nothing but rounding into a step of full size, and float32's error into a lottery.
ADAMW = {"lr": 3e-3, "betas": (0.9, 0.95), "eps": 1e-5}
DECAY, CLIP = 0.1, 1.0

BASE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "vocab_size": 72,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


def rope(theta: float) -> dict:
    return {"rope_type": "default", "rope_theta": theta}


def family(kind, dtype=torch.bfloat16, shard="1GB", **changes) -> dict:
    return {"config": kind(**(BASE | changes)), "dtype": dtype, "shard": shard}


FAMILIES = {
    "llama-2": family(LlamaConfig, torch.float32, "40KB", num_key_value_heads=4, rope_parameters=rope(10000.0)),
    "llama-3": family(LlamaConfig, rope_parameters=rope(500000.0)),
    "llama-3.2": family(LlamaConfig, tie_word_embeddings=True, rope_parameters=LLAMA3_ROPE),
    "mistral-0.1": family(MistralConfig, sliding_window=5, rope_parameters=rope(10000.0)),
    "mistral-0.3": family(MistralConfig, sliding_window=None, head_dim=16, rope_parameters=rope(1e6)),
    "qwen-2": family(Qwen2Config, tie_word_embeddings=True, rope_parameters=rope(1e6), rms_norm_eps=1e-6),
    "qwen-2.5": family(Qwen2Config, torch.float32, rope_parameters=rope(1e6), rms_norm_eps=1e-6),
    "qwen-3": family(Qwen3Config, shard="20KB", head_dim=12, tie_word_embeddings=True, rope_parameters=rope(1e6)),
    "smollm-2": family(LlamaConfig, tie_word_embeddings=True, rope_parameters=rope(100000.0)),
    "smollm-3": family(SmolLM3Config, num_hidden_layers=4, rope_parameters=rope(5e6)),
}


def main(mode: str, *rest: str) -> None:
    torch.set_num_threads(1)
    if mode == "run":
        for seed, folder in enumerate(rest):
            expect(Path(folder), seed)
        return
    families = FAMILIES if mode == "golden" else random_families(random.Random(int(rest[0])))
    for seed, (name, wanted) in enumerate(families.items()):
        write(Path(rest[-1], name), seed=seed, **wanted)
        expect(Path(rest[-1], name), seed)


def random_families(r: random.Random) -> dict:
    kinds = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
    return {
        f"{name}-{index}": family(
            kind, r.choice([torch.float32, torch.bfloat16, torch.float16]), r.choice(["20KB", "1GB"]), **shape(r, name)
        )
        for name, kind in (kinds | {"smollm3": SmolLM3Config}).items()
        for index in range(2)
    }


def shape(r: random.Random, name: str) -> dict:
    kv, layers = r.randint(1, 3), r.randint(1, 4)
    heads, window = kv * r.randint(1, 3), r.choice([None, r.randint(1, LENGTH)])
    own_head_width = name == "qwen3" or name in ("llama", "mistral") and r.random() < 0.5
    sliding = {"use_sliding_window": window is not None, "sliding_window": window}
    own = {
        "llama": {},
        "mistral": {"sliding_window": window},
        "qwen2": sliding | {"max_window_layers": 0},
        "qwen3": sliding | {"max_window_layers": 0},
        "smollm3": {"no_rope_layers": [r.randint(0, 1) for _ in range(layers)]},
    }
    changes = {
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "hidden_size": heads * 2 * r.randint(2, 5),
        "intermediate_size": r.randint(8, 60),
        "vocab_size": r.randint(40, 90),
        "rms_norm_eps": r.choice([1e-5, 1e-6]),
        "tie_word_embeddings": r.random() < 0.5,
        "rope_parameters": LLAMA3_ROPE if r.random() < 0.3 else rope(10 ** r.uniform(3, 7)),
    }
    return changes | own[name] | ({"head_dim": 2 * r.randint(2, 8)} if own_head_width else {})


def write(folder: Path, config, dtype: torch.dtype, shard: str, seed: int) -> None:
    model = AutoModelForCausalLM.from_config(config).float()
    randomise(model, seed)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Matrices of deviation 1.5/√inputs, norms around 1, biases 0.3: large enough to bend every softmax and gate."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            deviation = 1.5 / weight.shape[1] ** 0.5 if weight.dim() == 2 else 0.3
            weight.copy_(drawn * deviation + (1.0 if name.endswith("norm.weight") else 0.0))


def expect(folder: Path, seed: int) -> None:
    (folder / "expected.json").write_text(json.dumps(expected(folder, seed)) + "\n")


def expected(folder: Path, seed: int) -> dict:
    tokens, counts = batches(json.loads((folder / "config.json").read_text())["vocab_size"], seed)
    model = loaded(folder, "eager")
    shuffled = [with_channels(loaded(folder, way), seed) for seed in range(1, 4) for way in ("eager", "sdpa")]
    plain = [run(one, tokens, counts) for one in (loaded(folder, "eager"), loaded(folder, "sdpa"), *shuffled)]
    with every_float32_as_float64():
        exact = run(in_float64(model), tokens, counts)
    logits, losses = exact
    return {
        "made": versions(),
        "rows": ROWS,
        "length": LENGTH,
        "tokens": tokens.tolist(),
        "counts": counts.int().tolist(),
        "logits": base64.b64encode(logits.numpy().astype("<f8").tobytes()).decode(),
        "logitsError": max(distance(logits, other) for other, _ in plain),
        "losses": losses.tolist(),
        "lossesError": max(distance(losses, other) for _, other in plain),
        "step": step_values(),
    }


def batches(vocabulary: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of every step and which of their targets count: not as many in each row, so that weighting shows."""
    generator = torch.Generator().manual_seed(100 + seed)
    tokens = torch.randint(vocabulary, (STEPS, ROWS, LENGTH + 1), generator=generator)
    counts = torch.rand((STEPS, ROWS, LENGTH), generator=generator) < torch.tensor([0.9, 0.5]).view(1, ROWS, 1)
    return tokens, counts


def run(model, tokens: torch.Tensor, counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of the first batch [B, T, V], and the summed losses of every step's rows [steps, B] while it trains."""
    with torch.no_grad():
        logits = model(input_ids=tokens[0, :, :-1], use_cache=False).logits
    optimizer = adamw(model)
    losses = []
    for step_tokens, step_counts in zip(tokens, counts):
        optimizer.zero_grad()
        rows = row_losses(model, step_tokens, step_counts)
        (rows.sum() / step_counts.sum()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(rows.detach())
    return logits, torch.stack(losses)


def with_channels(model, seed: int) -> torch.nn.Module:
    """The same model with the channels of its residual stream in another order."""
    order = torch.randperm(model.config.hidden_size, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_norm.weight", "k_norm.weight", ".bias")):
                continue
            leaves = name.endswith(("o_proj.weight", "down_proj.weight", "norm.weight"))
            weight.copy_(weight[order] if leaves else weight[:, order])
    return model


def loaded(folder: Path, attention: str) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)


def in_float64(model) -> torch.nn.Module:
    """Built anew, since the rotary frequencies are computed when a model is made."""
    exact = AutoModelForCausalLM.from_config(model.config, dtype=torch.float64, attn_implementation="eager")
    exact.load_state_dict(model.state_dict())
    assert exact.model.rotary_emb.inv_freq.dtype is torch.float64
    return exact


def row_losses(model, tokens: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return (losses.view(counts.shape) * counts).sum(dim=1)


def adamw(model) -> torch.optim.AdamW:
    """Decay falls on matrices, the embedding among them."""
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() != 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, **ADAMW)


@contextmanager
def every_float32_as_float64():
    names = mock.patch.multiple(torch, float32=torch.float64, float=torch.float64)
    with names, mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield


def distance(exact: torch.Tensor, other: torch.Tensor) -> float:
    """Euclidean."""
    assert exact.dtype is torch.float64
    return (exact - other.to(exact.dtype)).norm().item()


def step_values() -> dict:
    beta1, beta2 = ADAMW["betas"]
    rates = {"learningRate": ADAMW["lr"], "beta1": beta1, "beta2": beta2, "epsilon": ADAMW["eps"]}
    return rates | {"weightDecay": DECAY, "clip": CLIP}


def versions() -> dict:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
