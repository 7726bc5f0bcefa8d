"""OpenVINO GenAI on the same GGUF file, by its continuous batching, stepped by hand.

Its numerical hints are left as they are, so arithmetic and key-value cache have the types that
OpenVINO chooses for this processor. (A file named as the package would hide the package.)
"""

import sys
import time

from common import (REPEATS, START_TOKENS, Absent, cell, in_venv, measured_in_venv,
                    pip_install, prompts, resident_bytes, start_in_venv, wanted)

NAME = "OpenVINO GenAI"
AREA = "infer"
VERSION = "2026.4.1"
PINS = [f"openvino=={VERSION}", f"openvino-genai=={VERSION}.0", f"openvino-tokenizers=={VERSION}.0",
        "numpy==2.4.6"]
# Room for every sequence of a round, and a whole prompt in one step.
CACHE_GB, STEP_TOKENS = 2, 8192
# Seen by greedy texts of several prompts, beside those of transformers in f32 on the same file.
Q4_1 = ("measured although it does not compute Q4_1 exactly: it writes other text than the dequantized weights do, "
        "where for Q8_0 it writes the same")


def install():
    pip_install(PINS)


def round_of(task):
    if not task["model"].endswith(".gguf"):
        raise Absent("reads no other file of weights than GGUF without a conversion")
    measured = in_venv(__file__, task)
    if task["start"]:
        seconds, mib = start_in_venv(__file__, task)
        measured["cells"] |= {task["start"]: seconds, task["resident"]: mib}
    return measured


class Pipeline:
    """The loaded model; every request is greedy and never stops early."""

    def __init__(self, task, cache_gb=CACHE_GB):
        import openvino_genai

        self.genai, self.task, self.requests = openvino_genai, task, 0
        config = openvino_genai.SchedulerConfig()
        config.cache_size = cache_gb
        config.max_num_batched_tokens = STEP_TOKENS
        config.max_num_seqs = max([64, *wanted(task, "batch")])
        config.enable_prefix_caching = False
        threads = {"INFERENCE_NUM_THREADS": task["threads"]}
        self.pipeline = openvino_genai.ContinuousBatchingPipeline(task["model"], config, "CPU", threads)

    def add(self, tokens, new):
        import openvino

        config = self.genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos, config.do_sample = new, True, False
        config.apply_chat_template = False
        ids = next(prompts([self.task["seed"], self.requests], self.task["vocabulary"], tokens))
        self.requests += 1
        return self.pipeline.add_request(self.requests, openvino.Tensor(ids), config)

    def finish(self):
        while self.pipeline.has_non_finished_requests():
            self.pipeline.step()

    def prefill(self, tokens):
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            handle = self.add(tokens, 1)
            self.finish()
            times.append(time.perf_counter() - began)
            del handle
        return tokens / min(times)

    def generate(self, sequences, tokens):
        """Tokens per second of all sequences together, once all of them have begun."""
        new = self.task["generated"]
        # A request whose handle is dropped is cancelled.
        handles = [self.add(tokens, 2 * new) for _ in range(sequences)]
        waiting = set(range(sequences))
        while waiting:
            self.pipeline.step()
            waiting -= {at for at in waiting if read(handles[at])}
        for handle in handles:
            read(handle)
        before = time.perf_counter()
        for _ in range(new):
            self.pipeline.step()
        seconds = time.perf_counter() - before
        generated = sum(read(handle) for handle in handles)
        for handle in handles:
            handle.cancel()
        self.finish()
        return generated / seconds


def read(handle):
    """Takes what a request has generated since it was last read, and counts it."""
    count = 0
    while handle.can_read():
        count += sum(len(part.generated_ids) for part in handle.read().values())
    return count


def measure(task):
    import openvino_genai

    pipeline = Pipeline(task)
    pipeline.prefill(64)
    cells = {cell("prefill", size, task): pipeline.prefill(size) for size in wanted(task, "prefill")}
    for depth in wanted(task, "decode"):
        cells[cell("decode", depth, task)] = pipeline.generate(1, max(depth, 1))
    for size in wanted(task, "batch"):
        cells[cell("batch", size, task)] = pipeline.generate(size, task["batch_prompt"])
    notes = [Q4_1] if task["format"] == "q4_1" else []
    return {"version": openvino_genai.get_version(), "cells": cells, "notes": notes}


def first_token(task):
    # The cache grows as it is needed.
    pipeline = Pipeline(task, cache_gb=0)
    handle = pipeline.add(START_TOKENS, 1)
    pipeline.finish()
    del handle
    return resident_bytes()


if __name__ == "__main__":
    measured_in_venv(first_token if sys.argv[1:] else measure)
