"""Golden files of the decoder: Hugging Face's models on random weights, in float32 on the CPU.

    python3 scripts/golden/decoder.py test/golden/decoder

Each file holds one small model: its weights, logits, summed loss, the gradient of loss / tokens towards every weight, and the weights
after ten AdamW steps on the same batch. Needs torch and transformers; the versions that made a file are in it.
"""

import base64
import json
import platform
import sys
from pathlib import Path

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers import SmolLM3Config, SmolLM3ForCausalLM

ROWS, LENGTH, STEPS = 2, 12, 10
ADAMW = {"lr": 1e-2, "betas": (0.9, 0.95), "eps": 1e-8}
DECAY = 0.1

BASE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "intermediate_size": 20,
    "vocab_size": 37,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "attn_implementation": "eager",
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
QWEN2 = BASE | {"tie_word_embeddings": True, "head_dim": 4, "rope_parameters": PLAIN_ROPE}
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**BASE, rope_parameters=LLAMA3_ROPE)),
    "mistral": (MistralForCausalLM, MistralConfig(**BASE, rope_parameters=PLAIN_ROPE, sliding_window=4)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**QWEN2, use_sliding_window=False)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**(BASE | {"tie_word_embeddings": True}), rope_parameters=PLAIN_ROPE)),
    "smollm3": (SmolLM3ForCausalLM, SmolLM3Config(**QWEN2, no_rope_layers=[1, 0])),
}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (kind, config) in MODELS.items():
        model = kind(config).float()
        randomise(model, seed=len(name))
        golden = {"made": versions(), "architecture": architecture(name, config)} | measure(model)
        (folder / f"{name}.json").write_text(json.dumps(golden) + "\n")


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Matrices of deviation 1.5/√inputs, norms around 1, biases 0.3: large enough to bend every softmax and gate."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            drawn = torch.randn(weight.shape, generator=generator)
            deviation = 1.5 / weight.shape[1] ** 0.5 if weight.dim() == 2 else 0.3
            weight.copy_(drawn * deviation + (1.0 if name.endswith("norm.weight") else 0.0))


def measure(model: torch.nn.Module) -> dict:
    generator = torch.Generator().manual_seed(11)
    tokens = torch.randint(model.config.vocab_size, (ROWS, LENGTH + 1), generator=generator)
    result = {"rows": ROWS, "length": LENGTH, "tokens": tokens.tolist(), "weights": tensors(model, lambda w: w)}
    logits, loss = forward(model, tokens)
    (loss / (ROWS * LENGTH)).backward()
    result |= {"lossSum": loss.item(), "logits": packed(logits), "gradients": tensors(model, lambda w: w.grad)}
    return result | {"steps": STEPS, "adamw": step_values(), "trained": train(model, tokens)}


def forward(model: torch.nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum")
    return logits, losses


def train(model: torch.nn.Module, tokens: torch.Tensor) -> dict:
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() != 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, **ADAMW)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (forward(model, tokens)[1] / (ROWS * LENGTH)).backward()
        optimizer.step()
    return tensors(model, lambda weight: weight)


def step_values() -> dict:
    beta1, beta2 = ADAMW["betas"]
    return {"learningRate": ADAMW["lr"], "beta1": beta1, "beta2": beta2, "epsilon": ADAMW["eps"], "weightDecay": DECAY}


def tensors(model: torch.nn.Module, of) -> dict:
    return {name: packed(of(weight)) for name, weight in model.named_parameters()}


def packed(tensor: torch.Tensor) -> dict:
    data = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
    return {"shape": list(tensor.shape), "float32": base64.b64encode(data).decode()}


def architecture(name: str, config) -> dict:
    rope = config.rope_parameters
    scaling = {
        "factor": rope["factor"],
        "lowFrequencyFactor": rope["low_freq_factor"],
        "highFrequencyFactor": rope["high_freq_factor"],
        "originalLength": rope["original_max_position_embeddings"],
    } if rope["rope_type"] == "llama3" else None
    return {
        "width": config.hidden_size,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "kvHeads": config.num_key_value_heads,
        "headWidth": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        "feedForward": config.intermediate_size,
        "vocabulary": config.vocab_size,
        "maxLength": config.max_position_embeddings,
        "ropeTheta": rope["rope_theta"],
        "ropeScaling": scaling,
        "nopeLayers": [layer for layer, rope in enumerate(getattr(config, "no_rope_layers", [])) if not rope],
        "normEpsilon": config.rms_norm_eps,
        "tied": config.tie_word_embeddings,
        "qkvBias": name == "qwen2",
        "qkNorm": name == "qwen3",
        "slidingWindow": config.sliding_window if name == "mistral" else None,
    }


def versions() -> dict:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
