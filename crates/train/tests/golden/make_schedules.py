"""Learning rates of transformers' schedules. Run: python make_schedules.py > schedules.json"""

import json
import platform

import torch
import transformers

PEAK = 3e-4
TOTAL = 40

# name of the case, transformers' name, warm-up steps, its keyword arguments
CASES = [
    ("constant", "constant", 0, {}),
    ("constant_with_warmup", "constant_with_warmup", 5, {}),
    ("linear", "linear", 5, {}),
    ("linear_without_warmup", "linear", 0, {}),
    ("cosine", "cosine", 5, {}),
    ("restarts", "cosine_with_restarts", 4, {"num_cycles": 3}),
    ("restarts_once", "cosine_with_restarts", 0, {}),
    ("min_lr", "cosine_with_min_lr", 5, {"min_lr_rate": 0.1}),
    ("min_lr_waves", "cosine_with_min_lr", 3, {"min_lr": 6e-5, "num_cycles": 1.3}),
    ("inverse_sqrt", "inverse_sqrt", 5, {}),
    ("inverse_sqrt_timescale", "inverse_sqrt", 4, {"timescale": 7}),
    ("inverse_sqrt_without_warmup", "inverse_sqrt", 0, {}),
    ("polynomial", "polynomial", 5, {}),
    ("polynomial_power", "polynomial", 5, {"power": 2.5, "lr_end": 2e-5}),
    ("wsd", "warmup_stable_decay", 5, {"num_decay_steps": 12}),
    (
        "wsd_linear",
        "warmup_stable_decay",
        6,
        {
            "num_decay_steps": 10,
            "warmup_type": "cosine",
            "decay_type": "linear",
            "min_lr_ratio": 0.1,
        },
    ),
    (
        "wsd_sqrt",
        "warmup_stable_decay",
        6,
        {
            "num_decay_steps": 10,
            "num_stable_steps": 12,
            "warmup_type": "1-sqrt",
            "decay_type": "1-sqrt",
            "min_lr_ratio": 0.2,
        },
    ),
    (
        "wsd_waves",
        "warmup_stable_decay",
        4,
        {"num_decay_steps": 20, "num_cycles": 1.2, "min_lr_ratio": 0.05},
    ),
]


def rates(name, warmup, kwargs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    # The public function passes no total to warmup_stable_decay with stable steps.
    total = None if "num_stable_steps" in kwargs else TOTAL
    scheduler = transformers.get_scheduler(
        name,
        optimizer,
        num_warmup_steps=warmup,
        num_training_steps=total,
        scheduler_specific_kwargs=kwargs,
    )
    out = []
    for _ in range(TOTAL + 1):
        out.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return out


print(
    json.dumps(
        {
            "provenance": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "command": "python make_schedules.py > schedules.json",
            },
            "peak": PEAK,
            "total": TOTAL,
            "rates": {case: rates(name, warmup, kwargs) for case, name, warmup, kwargs in CASES},
        }
    )
)
