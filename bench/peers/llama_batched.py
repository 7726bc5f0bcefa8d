"""llama.cpp's tool for batches on sequences that share the beginning of their prompts."""

import json

import llama_cpp
from common import output

NAME = "llama-batched-bench"
AREA = "engine"
KINDS = ["shared_prefix"]
install = llama_cpp.install
# The tool has no turns, no speculation, no sampling and no clients.
NOTE = ("reads the shared tokens once, the others apart from them, and generates after a prompt that "
        "is shared as a whole: three runs, their times added; without sampling")


def round_of(task):
    """The tool shares a whole prompt or nothing, so the sequences' own part is read apart, which
    leaves out what attending to the shared part costs: in the peer's favour."""
    wanted = task["shared_prefix"]
    prefix, prompt = wanted["prefix"], len(wanted["waves"][0][0])
    sequences, generated = len(wanted["waves"][0]), wanted["generated"]
    shared = timed(task, prefix, 1, sequences, "-pps")["t_pp"]
    own = timed(task, prompt - prefix, 1, sequences)["t_pp"]
    generating = timed(task, prompt, generated, sequences, "-pps")["t_tg"]
    tokens, (cold, warm) = sequences * generated, wanted["cells"]
    cells = {cold: tokens / (shared + own + generating), warm: tokens / (own + generating)}
    return {"version": llama_cpp.VERSION_LINE, "cells": cells, "notes": [NOTE]}


def timed(task, prompt, generated, sequences, *options):
    context = sequences * llama_cpp.rounded(prompt + generated)
    command = [llama_cpp.tool("llama-batched-bench"), "-m", task["model"], "-t", task["threads"],
               "-c", context, "-npp", prompt, "-ntg", generated, "-npl", sequences, *options,
               "--output-format", "jsonl"]
    return next(json.loads(line) for line in output(command).splitlines() if line.startswith("{"))
