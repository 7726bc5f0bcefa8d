"""sentence-transformers on PyTorch: the same texts, cut at the same length, at its better batch size."""

import time

from common import in_venv, measured_in_venv, pip_install, pip_install_torch

NAME = "sentence-transformers"
AREA = "embed"
TORCH = "2.15.0"
PINS = ["sentence-transformers==6.2.0", "transformers==5.23.0"]
BATCHES = [32, 64]


def install():
    pip_install_torch(TORCH)
    pip_install(PINS)


def round_of(task):
    return in_venv(__file__, task)


def measure(task):
    import numpy
    import sentence_transformers
    import torch

    torch.set_num_threads(task["threads"])
    model = sentence_transformers.SentenceTransformer(task["model"], device="cpu")
    model.encode(task["texts"][:8])
    speeds, vectors = {}, None
    for size in BATCHES:
        began = time.perf_counter()
        vectors = model.encode(task["texts"], batch_size=size, show_progress_bar=False)
        speeds[size] = task["tokens"] / (time.perf_counter() - began)
    best = max(speeds, key=speeds.get)
    ours = numpy.array(task["vectors"], dtype=numpy.float64)
    theirs = numpy.asarray(vectors, dtype=numpy.float64)
    norms = numpy.linalg.norm(ours, axis=1) * numpy.linalg.norm(theirs, axis=1)
    cosines = (ours * theirs).sum(axis=1) / norms
    name = task["cell"]
    version = f"{sentence_transformers.__version__}, torch {torch.__version__}, batches of {best}"
    note = f"{len(cosines)} texts of at most {model.max_seq_length} tokens; cosine of our vectors to its own: "
    note += f"mean {cosines.mean():.6f}, least {cosines.min():.6f}"
    return {"version": version, "cells": {name: speeds[best]}, "notes": [note],
            "checks": dict(zip(task["cosines"], [cosines.min(), cosines.mean()]))}


if __name__ == "__main__":
    measured_in_venv(measure)
