"""PyTorch's side of `hephaestus bench --compare-torch`: the same decoder, batches and update, written as one would write it for PyTorch.

  python3 scripts/torch-peer.py --width 256 --layers 6 --heads 8 --ff 688 --vocab 4096 --batch 8 --seq 256 --mode compile
  python3 scripts/torch-peer.py --probe                  (only says which PyTorch there is)

A step is forward, backward, clipping by the global norm and a fused AdamW update. After `--warm-up` untimed steps, `--steps` are timed one by one.
The last line of the output is one JSON object; `ms_per_step` is the median, `gflops` counts 6 per matrix weight and token plus the causal half
of attention, as src/model/costs.ts does. `--dtype`: fp32; amp (weights in float32, products in bfloat16); bf16 (everything in bfloat16).
"""
import argparse
import json
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
    parser.add_argument("--dtype", choices=["fp32", "amp", "bf16"], default="fp32")
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
        make_norm = (lambda: nn.RMSNorm(o.head_width, eps=1e-5)) if o.qk_norm else nn.Identity
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
        self.before_attention, self.attention = nn.RMSNorm(o.width, eps=1e-5), Attention(o)
        self.before_feed_forward, self.feed_forward = nn.RMSNorm(o.width, eps=1e-5), FeedForward(o)

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
        self.norm = nn.RMSNorm(o.width, eps=1e-5)
        self.head = nn.Linear(o.width, o.vocab, bias=False)
        if o.tie:
            self.head.weight = self.embedding.weight
        frequencies = 10000.0 ** (-torch.arange(0, o.head_width, 2) / o.head_width)
        angles = (torch.arange(o.seq)[:, None] * frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = checkpoint(layer, x, self.cos, self.sin, use_reentrant=False) if self.recompute else layer(x, self.cos, self.sin)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def time_steps(o, model):
    """Seconds of every timed step."""
    loss_of = model if o.mode == "eager" else torch.compile(model, mode=None if o.mode == "compile" else o.mode)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    batches = [torch.randint(o.vocab, (2, o.batch, o.seq), device=o.device) for _ in range(4)]
    times = []
    for step in range(o.warm_up + o.steps):
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for part in range(o.accumulate):
            tokens, targets = batches[(step * o.accumulate + part) % len(batches)]
            with torch.autocast(o.device, torch.bfloat16, enabled=o.dtype == "amp"):
                loss = loss_of(tokens, targets) / o.accumulate
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if o.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return times[o.warm_up:]


def peak_memory(device):
    """GiB: what the allocator gave out on a GPU; on Linux's CPU the peak of the whole process; None where neither is known."""
    if device == "cuda":
        return round(torch.cuda.max_memory_allocated() / 2**30, 3)
    try:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return round(int(peak.split()[1]) / 2**20, 3)


def main():
    o = read_options()
    device = torch.cuda.get_device_name() if o.device == "cuda" else "cpu"
    about = {"peer": f"pytorch {torch.__version__}", "mode": o.mode, "dtype": o.dtype, "device": device, "threads": torch.get_num_threads()}
    if o.probe:
        print(json.dumps(about))
        return
    torch.manual_seed(0)
    with torch.device(o.device):
        model = Decoder(o).to(torch.bfloat16 if o.dtype == "bf16" else torch.float32)
    times = time_steps(o, model)
    middle = statistics.median(times)
    tokens = o.batch * o.seq * o.accumulate
    matrices = sum(p.numel() for p in model.parameters() if p.dim() == 2) - (0 if o.tie else o.vocab * o.width)
    flops = tokens * (6 * matrices + 6 * o.layers * o.seq * o.heads * o.head_width)
    milliseconds = {"ms_per_step": middle, "ms_min": min(times), "ms_max": max(times)}
    print(json.dumps({
        **about, "params": sum(p.numel() for p in model.parameters()), "tokens_per_second": round(tokens / middle),
        **{name: round(1e3 * seconds, 4) for name, seconds in milliseconds.items()},
        "gflops": round(flops / middle / 1e9, 1), "peak_memory_gb": peak_memory(o.device),
    }))


main()
