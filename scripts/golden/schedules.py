"""Writes test/golden/schedules.json: learning rates from transformers and PyTorch, and from Megatron-LM's formulas by hand.

  python3 scripts/golden/schedules.py > test/golden/schedules.json      (torch and transformers; versions are in the file)

LambdaLR's index k is the number of updates done; hephaestus's step s is its k = s + 1 (see src/optim/schedules.ts).
"""
import json, math
import torch, transformers
from transformers import optimization as hf

STEPS, WARMUP, DECAY, PEAK, MIN = 40, 8, 12, 3e-3, 3e-4


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        optimizer.step()
        scheduler.step()
        found.append(scheduler.get_last_lr()[0])
    return found


def wsd(form, minimum):
    return rates(lambda o: hf.get_wsd_schedule(o, num_warmup_steps=WARMUP, num_decay_steps=DECAY, num_training_steps=STEPS,
                                               decay_type=form, min_lr_ratio=minimum / PEAK))


# Megatron-LM, OptimizerParamScheduler.get_lr, style WSD: coefficients at the share x of the decay.
FORMS = {"linear": lambda x: 1 - x, "cosine": lambda x: 0.5 * (math.cos(math.pi * x) + 1),
         "exponential": lambda x: 2 * math.pow(0.5, x) - 1, "1-sqrt": lambda x: 1 - math.sqrt(x)}


def megatron(form):
    anneal = STEPS - DECAY
    def rate(k):
        if k <= WARMUP:
            return MIN / 2 + (PEAK - MIN / 2) * k / WARMUP
        coefficient = 1 if k <= anneal else FORMS[form]((k - anneal) / DECAY)
        return MIN + coefficient * (PEAK - MIN)
    return [rate(k) for k in range(1, STEPS + 1)]


print(json.dumps({
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "steps": STEPS, "warmup": WARMUP, "decay": DECAY, "peak": PEAK, "min": MIN,
    "constant": rates(lambda o: hf.get_constant_schedule_with_warmup(o, WARMUP)),
    "linearToZero": rates(lambda o: hf.get_linear_schedule_with_warmup(o, WARMUP, STEPS)),
    "cosineToZero": rates(lambda o: hf.get_cosine_schedule_with_warmup(o, WARMUP, STEPS)),
    "cosineToMin": rates(lambda o: hf.get_cosine_with_min_lr_schedule_with_warmup(o, WARMUP, STEPS, min_lr=MIN)),
    "wsdLinear": wsd("linear", MIN), "wsdCosine": wsd("cosine", MIN), "wsdOneMinusSqrt": wsd("1-sqrt", MIN),
    "torchCosine": rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=MIN)),
    "megatron": {form: megatron(form) for form in FORMS},
}, indent=1))
