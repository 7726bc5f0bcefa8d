"""PyTorch with transformers, as `from_pretrained` gives it: eager, weights dequantized from the file.

Every figure is measured in f32 and in bf16, but long prompts only in the type that reads shorter
ones faster; the faster one counts, and the notes say which it was.
"""

import copy
import time
from pathlib import Path

from common import REPEATS, Absent, cell, in_venv, measured_in_venv, pip_install, pip_install_torch, prompts, wanted

NAME = "PyTorch"
AREA = "infer"
TORCH = "2.15.0"
PINS = ["transformers==5.23.0", "gguf==0.19.0", "accelerate==1.15.0"]
# Time for all figures of a round, and the share of one of them after which it is not repeated.
BUDGET_S, ENOUGH_S = 60, 6
# Steps whose time counts, after some that warm up.
STEPS, WARM_UP = 16, 2
LARGEST_BATCH = 16
# Tokens of the trial, which warms up too, and of the longest prompt that both types read.
TRIAL_TOKENS, SHORT = 128, 512
LOADED_APART = "start and memory are not measured: it would dequantize the whole file first"


def install():
    pip_install_torch(TORCH)
    pip_install(PINS)


def round_of(task):
    return in_venv(__file__, task)


class Clock:
    """The time of a round; what does not fit is left out and said."""

    def __init__(self):
        self.end, self.left_out = time.perf_counter() + BUDGET_S, []

    def allows(self, name, seconds):
        if time.perf_counter() + seconds <= self.end:
            return True
        self.left_out.append(name)
        return False


class Models:
    """The model in both types."""

    def __init__(self, task):
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(task["threads"])
        self.torch, self.task = torch, task
        path = Path(task["model"])
        source = {"pretrained_model_name_or_path": path}
        if path.is_file():
            source = {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
        exact = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).eval()
        self.models = {"float32": exact, "bfloat16": copy.deepcopy(exact).to(torch.bfloat16)}

    def ids(self, tokens, count):
        generator = prompts([self.task["seed"], tokens], self.task["vocabulary"], tokens)
        return [self.torch.from_numpy(next(generator)) for _ in range(count)]

    def read(self, kind, ids, **options):
        return self.models[kind](ids, use_cache=True, logits_to_keep=1, **options)

    def prefill(self, kind, tokens, repeats=REPEATS):
        """Tokens per second of the fastest of a few prompts."""
        times = []
        for ids in self.ids(tokens, repeats):
            began = time.perf_counter()
            self.read(kind, ids)
            times.append(time.perf_counter() - began)
            if sum(times) > ENOUGH_S:
                break
        return tokens / min(times)

    def generate(self, kind, depth, sequences):
        """Tokens per second of so many sequences that share the tokens before them."""
        done = self.read(kind, self.ids(max(depth, 1), 1)[0])
        cache = done.past_key_values
        if sequences > 1:
            cache.batch_repeat_interleave(sequences)
        ids = done.logits[:, -1].argmax(-1, keepdim=True).repeat(sequences, 1)
        for step in range(WARM_UP + STEPS):
            if step == WARM_UP:
                began = time.perf_counter()
            done = self.read(kind, ids, past_key_values=cache)
            ids = done.logits[:, -1].argmax(-1, keepdim=True)
        return sequences * STEPS / (time.perf_counter() - began)


def measure(task):
    import torch
    import transformers

    with torch.inference_mode():
        models = Models(task)
        cells, kinds, clock = figures(models, task)
    notes = [f"{kind} for {', '.join(names)}" for kind, names in kinds.items()]
    if task["start"]:
        notes.append(LOADED_APART)
    if clock.left_out:
        notes.append(f"more than {BUDGET_S} s a round would be needed for {', '.join(clock.left_out)}")
    larger = [str(size) for size in wanted(task, "batch") if size > LARGEST_BATCH]
    if larger:
        notes.append(f"batches of {', '.join(larger)} are not measured")
    version = f"torch {torch.__version__}, transformers {transformers.__version__}"
    return {"version": version, "cells": cells, "notes": notes}


def figures(models, task):
    """Every figure that the time allows, and by which type each was reached."""
    cells, kinds, clock = {}, {}, Clock()

    def keep(name, speeds):
        kind = max(speeds, key=speeds.get)
        cells[cell(*name, task)] = speeds[kind]
        kinds.setdefault(kind, []).append("/".join(str(part) for part in name))

    trial = {kind: models.prefill(kind, TRIAL_TOKENS, repeats=2) for kind in models.models}
    reader = max(trial, key=trial.get)
    speed = trial[reader]
    sizes = wanted(task, "prefill")
    for size in [size for size in sizes if size <= SHORT]:
        speeds = {kind: models.prefill(kind, size) for kind in models.models}
        keep(("prefill", size), speeds)
        reader = max(speeds, key=speeds.get)
    for depth in wanted(task, "decode"):
        both = sum(max(depth, 1) / speed for speed in trial.values())
        tried = list(models.models) if both < ENOUGH_S else [reader]
        if clock.allows(f"decode/{depth}", min(both, depth / speed)):
            keep(("decode", depth), {kind: models.generate(kind, depth, 1) for kind in tried})
    for size in [size for size in wanted(task, "batch") if size <= LARGEST_BATCH]:
        if clock.allows(f"batch/{size}", 2):
            speeds = {kind: models.generate(kind, task["batch_prompt"], size) for kind in models.models}
            keep(("batch", size), speeds)
    for size in [size for size in sizes if size > SHORT]:
        if clock.allows(f"prefill/{size}", size / speed):
            keep(("prefill", size), {reader: models.prefill(reader, size)})
    return cells, kinds, clock


if __name__ == "__main__":
    measured_in_venv(measure)
