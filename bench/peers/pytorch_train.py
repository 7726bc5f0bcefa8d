"""PyTorch with transformers and PEFT: whole training steps, as their own guides write them.

A step is forward, backward, clipping and AdamW, on the same random tokens for all kinds: f32, bf16
autocast over f32 weights, and weights in bf16. The fastest counts, with its own peak of memory;
the notes say which it was. Each kind runs in a process of its own, so that its peak is its own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from common import VENV_PYTHON, LIMIT_S, Absent, end_with_parent, last_line, measured_in_venv, pip_install, pip_install_torch
from pytorch import PINS, TORCH

NAME = "PyTorch + PEFT"
AREA = "train"
KINDS = ["cells"]
PEFT = "peft==0.21.2"
# Steps whose time counts, the middle one being the figure, after one that warms up.
STEPS = 3
TYPES = ["float32", "autocast", "bfloat16"]
RANK, ALPHA = 16, 32


def install():
    pip_install_torch(TORCH)
    pip_install([*PINS, PEFT])


def round_of(task):
    """The fastest of the types; one that cannot be had is a note."""
    tried, notes = {}, []
    for kind in TYPES:
        try:
            tried[kind] = in_process({**task, "type": kind})
        except Absent as error:
            notes.append(f"{kind} {error}")
    if not tried:
        raise Absent("; ".join(notes))
    best = max(tried, key=lambda kind: tried[kind]["speed"])
    notes += [f"{kind} {done['speed']:.0f} tok/s, {done['peak'] / 2**20:.0f} MiB" for kind, done in tried.items()]
    cells = {task["cells"][0]: tried[best]["speed"], task["memory"]: tried[best]["peak"] / 2**20}
    return {"version": tried[best]["version"], "cells": cells, "notes": notes}


def in_process(task):
    done = subprocess.run([VENV_PYTHON, __file__], input=json.dumps(task), capture_output=True, text=True,
                          timeout=LIMIT_S, preexec_fn=end_with_parent)
    if done.returncode != 0:
        raise Absent(f"fails with status {done.returncode}: {last_line(done.stderr)}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(task):
    import peft
    import torch
    import transformers

    torch.set_num_threads(task["threads"])
    torch.manual_seed(task["seed"])
    path = Path(task["model"])
    source = {"pretrained_model_name_or_path": path}
    if path.is_file():
        source = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    dtype = torch.bfloat16 if task["type"] == "bfloat16" else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=dtype)
    model.config.use_cache = False
    if task["kind"] != "full":
        config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        model = peft.get_peft_model(model, config)
    model.train()
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.0)
    times = []
    for step in range(1 + STEPS):
        tokens = torch.randint(0, model.config.vocab_size, (task["sequences"], task["tokens"]))
        labels = tokens.clone()
        if task["kind"] == "answers":
            labels[:, :task["tokens"] // 4 * 3] = -100
        began = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task["type"] == "autocast"):
            loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - began)
    counted = sorted(times[1:])
    speed = task["sequences"] * task["tokens"] / counted[len(counted) // 2]
    version = f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
    return {"speed": speed, "peak": peak_bytes(), "version": version}


def peak_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    measured_in_venv(measure)
