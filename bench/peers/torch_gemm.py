"""PyTorch's dense products on the same shapes; the fastest run of each counts."""

import time

from common import in_venv, measured_in_venv, pip_install_torch

NAME = "PyTorch"
AREA = "kernels"
TORCH = "2.15.0"
# Time for a figure, as ours.
TIME_S = 0.3


def install():
    pip_install_torch(TORCH)


def round_of(task):
    return in_venv(__file__, task)


def measure(task):
    import torch

    torch.set_num_threads(task["threads"])
    cells = {}
    for gemm in task["gemm"]:
        dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[gemm["dtype"]]
        rows, n, k = gemm["rows"], gemm["n"], gemm["k"]
        x, dy, w = (torch.rand(shape).to(dtype) for shape in ((rows, k), (rows, n), (n, k)))
        job = {"nt": lambda: x @ w.T, "nn": lambda: dy @ w, "tn": lambda: dy.T @ x}[gemm["form"]]
        cells[gemm["cell"]] = 2 * rows * n * k / fastest(job) / 1e9
    return {"version": f"torch {torch.__version__}", "cells": cells}


def fastest(job):
    job()
    end, best = time.perf_counter() + TIME_S, float("inf")
    while time.perf_counter() < end:
        began = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - began)
    return best


if __name__ == "__main__":
    measured_in_venv(measure)
