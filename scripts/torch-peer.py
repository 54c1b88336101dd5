"""PyTorch's side of `hephaestus bench --compare-torch` and `--curve`: the same decoder, batches and update, written as one would for PyTorch.

  python3 scripts/torch-peer.py --width 256 --layers 6 --heads 8 --ff 688 --vocab 4096 --batch 8 --seq 256 --mode compile
  python3 scripts/torch-peer.py --device cuda --dtype master --mode compile --width 2048 ...
  python3 scripts/torch-peer.py --probe                  (only says which PyTorch there is)

It needs nothing but PyTorch. A step is forward, backward, clipping by the global norm and a fused AdamW update. After `--warm-up` untimed steps,
`--steps` are timed one by one, fewer when they take longer than `--limit-ms`. The last line of the output is one JSON object; `ms_per_step` is
the median, `gflops` counts 6 per matrix weight and token plus the causal half of attention, as src/model/costs.ts does. `--dtype`:

  fp32    everything in float32
  amp     weights, gradients and moments in float32, products in bfloat16 by autocast
  master  weights and gradients in bfloat16, beside float32 weights and moments that AdamW updates: 16 bytes a parameter, and a passing copy of
          the gradient in float32
  bf16    everything in bfloat16: 8 bytes a parameter

With `--curve FOLDER` weights and tokens come from files there (src/bench/curve-torch.ts), and the losses of all steps are printed.
"""
import argparse
import json
import math
import os
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


def read_options():
    parser = argparse.ArgumentParser(description="Times training steps of a decoder in PyTorch.")
    sizes = {"width": 256, "layers": 6, "heads": 8, "ff": 688, "vocab": 4096, "batch": 8, "seq": 256, "accumulate": 1, "steps": 15, "warm-up": 4}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--kv-heads", type=int, help="default: as many as heads")
    parser.add_argument("--head-width", type=int, help="default: width / heads")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--mode", default="eager", help="eager, compile, or a mode of torch.compile such as max-autotune")
    parser.add_argument("--dtype", choices=["fp32", "amp", "master", "bf16"], default="fp32")
    parser.add_argument("--rope-theta", type=float, default=10000.0)
    parser.add_argument("--norm-epsilon", type=float, default=1e-5)
    parser.add_argument("--limit-ms", type=float, default=math.inf, help="for the timed steps; the one that goes beyond is the last")
    parser.add_argument("--warm-up-limit-ms", type=float, default=math.inf, help="likewise, after the first of the untimed steps")
    parser.add_argument("--curve", help="a folder with weights.bin and tokens.bin")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--rise", type=int, default=1, help="steps in which the learning rate of a curve rises")
    for name in ("tie", "qkv-bias", "qk-norm", "recompute", "probe"):
        parser.add_argument(f"--{name}", action="store_true")
    options = parser.parse_args()
    options.kv_heads = options.kv_heads or options.heads
    options.head_width = options.head_width or options.width // options.heads
    return options


class Attention(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.heads, self.kv_heads, self.head_width = o.heads, o.kv_heads, o.head_width
        self.project = nn.Linear(o.width, (o.heads + 2 * o.kv_heads) * o.head_width, bias=o.qkv_bias)
        self.output = nn.Linear(o.heads * o.head_width, o.width, bias=False)
        make_norm = (lambda: nn.RMSNorm(o.head_width, eps=o.norm_epsilon)) if o.qk_norm else nn.Identity
        self.query_norm, self.key_norm = make_norm(), make_norm()

    def forward(self, x, cos, sin):
        rows, length, _ = x.shape
        heads = self.project(x).view(rows, length, -1, self.head_width)
        query, key, value = heads.split((self.heads, self.kv_heads, self.kv_heads), dim=2)
        query = turned(self.query_norm(query).transpose(1, 2), cos, sin)
        key = turned(self.key_norm(key).transpose(1, 2), cos, sin)
        grouped = self.heads != self.kv_heads
        mixed = F.scaled_dot_product_attention(query, key, value.transpose(1, 2), is_causal=True, enable_gqa=grouped)
        return self.output(mixed.transpose(1, 2).reshape(rows, length, -1))


def turned(x, cos, sin):
    """RoPE on the two halves of every head, over whole heads: eager mode would loop over many short halves otherwise."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((high.neg(), low), dim=-1) * sin


class FeedForward(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.gate_up = nn.Linear(o.width, 2 * o.ff, bias=False)
        self.down = nn.Linear(o.ff, o.width, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.before_attention, self.attention = nn.RMSNorm(o.width, eps=o.norm_epsilon), Attention(o)
        self.before_feed_forward, self.feed_forward = nn.RMSNorm(o.width, eps=o.norm_epsilon), FeedForward(o)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.before_attention(x), cos, sin)
        return x + self.feed_forward(self.before_feed_forward(x))


class Decoder(nn.Module):
    """Mean cross-entropy of the targets."""

    def __init__(self, o):
        super().__init__()
        self.recompute = o.recompute
        self.embedding = nn.Embedding(o.vocab, o.width)
        self.layers = nn.ModuleList([Layer(o) for _ in range(o.layers)])
        self.norm = nn.RMSNorm(o.width, eps=o.norm_epsilon)
        self.head = nn.Linear(o.width, o.vocab, bias=False)
        if o.tie:
            self.head.weight = self.embedding.weight
        frequencies = o.rope_theta ** (-torch.arange(0, o.head_width, 2) / o.head_width)
        angles = (torch.arange(o.seq)[:, None] * frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = checkpoint(layer, x, self.cos, self.sin, use_reentrant=False) if self.recompute else layer(x, self.cos, self.sin)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


class Update:
    """Clipping and AdamW; decay falls on matrices only. With `master`, over float32 copies that the weights are the rounding of."""

    def __init__(self, o, model):
        self.weights = list(model.parameters())
        self.has_master = o.dtype == "master"
        self.masters = [p.detach().float() for p in self.weights] if self.has_master else self.weights
        groups = [
            {"params": [p for p in self.masters if p.dim() == 2], "weight_decay": 0.1},
            {"params": [p for p in self.masters if p.dim() == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=o.learning_rate, betas=(0.9, 0.95), eps=1e-8, fused=True)

    def __call__(self, learning_rate=None):
        if learning_rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate
        if self.has_master:
            for master, weight in zip(self.masters, self.weights):
                master.grad, weight.grad = weight.grad.float(), None
        nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.has_master:
            with torch.no_grad():
                torch._foreach_copy_(self.weights, self.masters)


def compiled(o, model):
    return model if o.mode == "eager" else torch.compile(model, mode=None if o.mode == "compile" else o.mode)


def precise(o):
    return torch.autocast(o.device, torch.bfloat16, enabled=o.dtype == "amp")


def time_steps(o, model):
    """Seconds of every timed step, and the loss of the very first step."""
    loss_of, update = compiled(o, model), Update(o, model)
    batches = [torch.randint(o.vocab, (2, o.batch, o.seq), device=o.device) for _ in range(4)]
    done, first_loss = 0, None

    def timed():
        nonlocal done, first_loss
        started = time.perf_counter()
        for part in range(o.accumulate):
            tokens, targets = batches[(done * o.accumulate + part) % len(batches)]
            with precise(o):
                loss = loss_of(tokens, targets) / o.accumulate
            loss.backward()
        update()
        if o.device == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        if first_loss is None:
            first_loss = loss.item() * o.accumulate
        done += 1
        return seconds

    def several(steps, limit_ms):
        times = []
        while len(times) < steps and 1e3 * sum(times) < limit_ms:
            times.append(timed())
        return times

    several(min(1, o.warm_up), math.inf)
    several(o.warm_up - 1, o.warm_up_limit_ms)
    return several(o.steps, o.limit_ms), first_loss


def parameters_in_order(o, model):
    """Views of the parameters in the order of src/model/parameters.ts, where q, k and v are apart, as are gate and up."""
    yield model.embedding.weight
    widths = [o.heads * o.head_width, o.kv_heads * o.head_width, o.kv_heads * o.head_width]
    for layer in model.layers:
        attention, feed_forward = layer.attention, layer.feed_forward
        yield layer.before_attention.weight
        weights = attention.project.weight.split(widths)
        biases = attention.project.bias.split(widths) if o.qkv_bias else [None] * 3
        for weight, bias in zip(weights, biases):
            yield from (weight,) if bias is None else (weight, bias)
        if o.qk_norm:
            yield from (attention.query_norm.weight, attention.key_norm.weight)
        yield from (attention.output.weight, layer.before_feed_forward.weight)
        yield from feed_forward.gate_up.weight.chunk(2)
        yield feed_forward.down.weight
    yield model.norm.weight
    if not o.tie:
        yield model.head.weight


def load_weights(o, model):
    with open(os.path.join(o.curve, "weights.bin"), "rb") as file, torch.no_grad():
        for parameter in parameters_in_order(o, model):
            values = torch.frombuffer(bytearray(file.read(4 * parameter.numel())), dtype=torch.float32)
            parameter.copy_(values.view(parameter.shape))
        if file.read(1):
            raise SystemExit("weights.bin holds more than this model")


def read_batch(o, step):
    """Row by row T + 1 tokens: inputs, and the same one further."""
    count = o.batch * (o.seq + 1)
    with open(os.path.join(o.curve, "tokens.bin"), "rb") as file:
        file.seek(4 * count * step)
        rows = torch.frombuffer(bytearray(file.read(4 * count)), dtype=torch.int32).view(o.batch, o.seq + 1)
    rows = rows.long().to(o.device)
    return rows[:, :-1], rows[:, 1:]


def loss_curve(o, build):
    """Loss of every step before its update. Float32 masters are loaded too, not made from rounded weights."""
    model = build(torch.float32)
    load_weights(o, model)
    masters = [p.detach().clone() for p in model.parameters()]
    model.to(torch.bfloat16 if o.dtype in ("master", "bf16") else torch.float32)
    loss_of, update = compiled(o, model), Update(o, model)
    if update.has_master:
        with torch.no_grad():
            torch._foreach_copy_(update.masters, masters)
    losses = []
    for step in range(o.steps):
        with precise(o):
            loss = loss_of(*read_batch(o, step))
        loss.backward()
        update(o.learning_rate * min(1.0, (step + 1) / o.rise))
        losses.append(loss.item())
    return losses


def peak_bytes(device):
    """What the process holds of a GPU with all that PyTorch keeps for itself; on Linux's CPU its peak; None where neither is known."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return total - free
    try:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return int(peak.split()[1]) * 1024


def main():
    o = read_options()
    device = torch.cuda.get_device_name() if o.device == "cuda" else "cpu"
    about = {"peer": f"pytorch {torch.__version__}", "mode": o.mode, "dtype": o.dtype, "device": device, "threads": torch.get_num_threads()}
    if o.probe:
        print(json.dumps(about))
        return
    torch.manual_seed(0)

    def build(dtype):
        with torch.device(o.device):
            model = Decoder(o)
        for parameter in model.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)
        return model.to(dtype)

    if o.curve is not None:
        losses = loss_curve(o, build)
        print(json.dumps({**about, "losses": [loss if math.isfinite(loss) else None for loss in losses]}))
        return
    model = build(torch.bfloat16 if o.dtype in ("master", "bf16") else torch.float32)
    times, first_loss = time_steps(o, model)
    middle = statistics.median(times)
    tokens = o.batch * o.seq * o.accumulate
    matrices = sum(p.numel() for p in model.parameters() if p.dim() == 2) - (0 if o.tie else o.vocab * o.width)
    flops = tokens * (6 * matrices + 6 * o.layers * o.seq * o.heads * o.head_width)
    milliseconds = {"ms_per_step": middle, "ms_min": min(times), "ms_max": max(times)}
    print(json.dumps({
        **about, "params": sum(p.numel() for p in model.parameters()), "steps": len(times), "tokens_per_second": round(tokens / middle),
        **{name: round(1e3 * seconds, 4) for name, seconds in milliseconds.items()},
        "gflops": round(flops / middle / 1e9, 1), "first_loss": first_loss if math.isfinite(first_loss) else None, "peak_bytes": peak_bytes(o.device),
        "allocated_bytes": torch.cuda.max_memory_allocated() if o.device == "cuda" else None,
    }))


main()
