"""Trajectories of optimizers from PyTorch, transformers and bitsandbytes, all on the CPU.

Start and gradients are drawn by `draw`, which the tests repeat, so the files hold results only.
Run: python make_optimizers.py"""

import platform
import sys

import numpy
import torch
import transformers
from safetensors.numpy import save_file

STEPS = 20
KEPT = (1, 5, 20)
GRAD_SCALE = 0.5

# name, shape, learning-rate factor, decays
TENSORS = [
    ("layers.0.q_proj.weight", (6, 10), 1.0, True),
    ("layers.0.q_proj.bias", (6,), 1.0, False),
    ("layers.0.down_proj.weight", (10, 6), 2.0, True),
    ("norm.weight", (10,), 1.0, False),
    ("embed_tokens.weight", (12, 6), 1.0, True),
]
LARGE = [
    ("layers.0.up_proj.weight", (33, 140), 1.0, True),
    ("norm.weight", (300,), 1.0, False),
]

MASK = (1 << 64) - 1


def draw(stream, index):
    """An f32 of -1..1 with 24 bits, from splitmix64."""
    x = (stream * 0x9E3779B97F4A7C15 + index + 1) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    x ^= x >> 31
    return (x >> 40) / 2**23 - 1.0


def vector(stream, length, spread):
    """`length` draws; each over 2 to the power of its index modulo `spread`."""
    values = [draw(stream, i) / 2 ** (i % spread) for i in range(length)]
    return torch.tensor(values, dtype=torch.float32)


def bounded(stream, length, _spread):
    """`length` draws whose magnitudes are 0.25 to 1: no second moment of theirs rounds to zero."""
    values = [draw(stream, i) for i in range(length)]
    values = [0.75 * x + (0.25 if x >= 0 else -0.25) for x in values]
    return torch.tensor(values, dtype=torch.float32)


def split(flat, tensors):
    parts, start = [], 0
    for _, shape, _, _ in tensors:
        size = int(numpy.prod(shape))
        parts.append(flat[start : start + size].reshape(shape).clone())
        start += size
    return parts


def learning_rate(base, step):
    return base * (1 - step / 40)


def run(make, tensors, base_lr, spread, draws=vector):
    """Values after the kept steps; `make` gets (parameter, tensor) pairs and returns optimizers
    with the factor of their rate."""
    length = sum(int(numpy.prod(t[1])) for t in tensors)
    params = [torch.nn.Parameter(p) for p in split(draws(0, length, spread), tensors)]
    optimizers = make(list(zip(params, tensors, strict=True)))
    kept = {}
    for step in range(STEPS):
        grads = split(draws(step + 1, length, spread), tensors)
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad * GRAD_SCALE
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                if base_lr is not None:
                    group["lr"] = learning_rate(base_lr, step) * group["factor"]
            optimizer.step()
        if step + 1 in KEPT:
            flat = torch.cat([p.detach().reshape(-1) for p in params])
            kept[step + 1] = flat.clone().numpy()
    return kept, params, optimizers


def groups(pairs, weight_decay, times=1.0):
    return [
        {
            "params": [param],
            "weight_decay": weight_decay if tensor[3] else 0.0,
            "factor": tensor[2] * times,
        }
        for param, tensor in pairs
    ]


def adamw(pairs):
    return [torch.optim.AdamW(groups(pairs, 0.1), lr=1.0, betas=(0.9, 0.98), eps=1e-8)]


def sgd(momentum, nesterov):
    def make(pairs):
        return [torch.optim.SGD(groups(pairs, 0.1), lr=1.0, momentum=momentum, nesterov=nesterov)]

    return make


def lion(pairs):
    import bitsandbytes

    return [bitsandbytes.optim.Lion32bit(groups(pairs, 0.1), lr=1.0, betas=(0.9, 0.97))]


def adafactor(**kwargs):
    decay = kwargs.pop("weight_decay", 0.0)

    def make(pairs):
        return [transformers.Adafactor(groups(pairs, decay), **kwargs)]

    return make


def muon(adjust, nesterov=True):
    def make(pairs):
        hidden = [p for p in pairs if len(p[1][1]) == 2 and "embed" not in p[1][0]]
        others = [p for p in pairs if not any(p[0] is h[0] for h in hidden)]
        return [
            torch.optim.Muon(
                groups(hidden, 0.1),
                lr=1.0,
                momentum=0.95,
                nesterov=nesterov,
                adjust_lr_fn=adjust,
            ),
            torch.optim.AdamW(groups(others, 0.05, 0.5), lr=1.0, betas=(0.9, 0.98), eps=1e-8),
        ]

    return make


def in_f32(job):
    """Runs torch's Muon with its bf16 copy kept in f32; everything else is its own code."""
    import torch.optim._muon as module

    class Torch:
        bfloat16 = torch.float32

        def __getattr__(self, name):
            return getattr(torch, name)

    module.torch = Torch()
    try:
        return job()
    finally:
        module.torch = torch


def eight_bit(nearest):
    """AdamW8bit; `nearest` sends its rounding through bitsandbytes' plain PyTorch code, which picks
    the nearest code, in place of its CPU library, which rounds to one of 65536 steps first."""
    import bitsandbytes
    from bitsandbytes.backends.cpu import ops

    library = ops._quant_blockwise_fp32_direct

    def plain(values, code, absmax, out, blocksize):
        codes, scales = torch.ops.bitsandbytes.quantize_blockwise(values.double(), code, blocksize)
        out.copy_(codes)
        absmax.copy_(scales)

    def make(pairs):
        return [
            bitsandbytes.optim.AdamW8bit(groups(pairs, 0.1), lr=1.0, betas=(0.9, 0.98), eps=1e-8)
        ]

    ops._quant_blockwise_fp32_direct = plain if nearest else library
    try:
        return run(make, LARGE, 1e-2, 1, bounded)
    finally:
        ops._quant_blockwise_fp32_direct = library


def main():
    import bitsandbytes
    import bitsandbytes.functional

    cases = {
        "adamw": (adamw, 1e-2),
        "sgd": (sgd(0.0, False), 1e-2),
        "sgd_momentum": (sgd(0.9, False), 1e-2),
        "sgd_nesterov": (sgd(0.8, True), 1e-2),
        "lion": (lion, 1e-3),
        "adafactor": (
            adafactor(lr=1.0, relative_step=False, scale_parameter=False, clip_threshold=0.8),
            1e-2,
        ),
        "adafactor_first_moment": (
            adafactor(
                lr=1.0, relative_step=False, scale_parameter=True, beta1=0.9, weight_decay=0.1
            ),
            1e-2,
        ),
        "adafactor_relative": (adafactor(), None),
        "adafactor_warmup_init": (adafactor(warmup_init=True, decay_rate=-0.5), None),
        "muon_bf16": (muon("original"), 2e-2),
    }
    out = {}
    for name, (make, base_lr) in cases.items():
        for step, values in run(make, TENSORS, base_lr, 4)[0].items():
            out[f"{name}.{step}"] = values
    in_f32_cases = {
        "muon": muon("original"),
        "muon_match_rms": muon("match_rms_adamw"),
        "muon_without_nesterov": muon("original", nesterov=False),
    }
    for name, make in in_f32_cases.items():
        for step, values in in_f32(lambda: run(make, TENSORS, 2e-2, 4))[0].items():
            out[f"{name}.{step}"] = values
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "bitsandbytes": bitsandbytes.__version__,
        "command": "python make_optimizers.py",
    }
    save_file(out, "optimizers.safetensors", versions)

    functional = bitsandbytes.functional
    out = {
        "map.signed": functional.create_dynamic_map(True).numpy(),
        "map.unsigned": functional.create_dynamic_map(False).numpy(),
    }
    kept, params, optimizers = eight_bit(True)
    for step in (1, 20):
        out[f"values.{step}"] = kept[step]
    for which, kind in (("1", "exp_avg"), ("2", "exp_avg_sq")):
        state = optimizers[0].state[params[0]]
        out[f"{kind}.codes"] = state[f"state{which}"].reshape(-1).numpy()
        out[f"{kind}.absmax"] = state[f"absmax{which}"].numpy()
        out[f"{kind}.small"] = optimizers[0].state[params[1]][f"state{which}"].numpy()
    out["library.values.20"] = eight_bit(False)[0][20]
    # Magnitudes from 1 to 2^-11 in every block: moments in f32 are the yardstick.
    out["wide.f32.values.20"] = run(adamw, LARGE, 1e-2, 12)[0][20]
    save_file(out, "adamw_8bit.safetensors", versions)
    print(versions, file=sys.stderr)


main()
