"""llama.cpp, built for this machine from llama-cpp-python's source: its own bench tools."""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from common import CACHE, REPEATS, START_TOKENS, Absent, cell, end_with_parent, output, run, say, wanted

NAME = "llama.cpp"
AREA = "infer"
KINDS = ["prefills", "depths", "batches", "start", "perplexity"]
VERSION = "0.3.36"
HOME = CACHE / f"llama-cpp-python-{VERSION}"
SOURCE = HOME / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
VERSION_LINE = f"llama-cpp-python {VERSION}"
TOOLS = ["llama-bench", "llama-batched-bench", "llama-quantize", "llama-perplexity", "llama-server"]
CONTEXT_STEP = 256


def rounded(tokens):
    """A sequence's share of the context: the library takes whole multiples."""
    return -(-tokens // CONTEXT_STEP) * CONTEXT_STEP


def tool(name):
    return HOME / "build" / "bin" / name


def install():
    """Builds the tools for this processor; what is already there is kept."""
    if all(tool(name).exists() for name in TOOLS):
        return
    say(f"building llama.cpp in {HOME} (once; about a quarter of an hour on two cores)")
    source()
    _, env = building()
    configure(env)
    run(["cmake", "--build", HOME / "build", "--target", *TOOLS], env=env)


def building():
    """Where the build tools are installed, and the environment that finds them."""
    build_tools = HOME / "tools"
    env = dict(os.environ, PYTHONPATH=str(build_tools))
    env["PATH"] = f"{build_tools / 'bin'}{os.pathsep}{env['PATH']}"
    return build_tools, env


def source():
    """The folder of the source: vocabularies and templates beside the code. Fetched once."""
    if SOURCE.exists():
        return SOURCE
    build_tools, env = building()
    # pip asks a source package for its name, and this one answers only with its build tools.
    pip = [sys.executable, "-m", "pip"]
    run([*pip, "install", "-q", "--target", build_tools, "scikit-build-core", "cmake", "ninja"])
    # Only this package as source: its build tools come as wheels.
    package = "llama-cpp-python"
    choice = ["--no-deps", "--no-build-isolation", "--no-binary", package]
    run([*pip, "download", "-q", *choice, "-d", HOME, f"{package}=={VERSION}"], env=env)
    with tarfile.open(HOME / f"llama_cpp_python-{VERSION}.tar.gz") as archive:
        archive.extractall(HOME, filter="data")
    return SOURCE


def configure(env):
    # The server's pages would be downloaded or built with npm; nobody looks at them here.
    off = ["LLAMA_CURL", "LLAMA_OPENSSL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES",
           "LLAMA_BUILD_UI", "LLAMA_USE_PREBUILT_UI", "BUILD_SHARED_LIBS"]
    options = ["CMAKE_BUILD_TYPE=Release", "GGML_NATIVE=ON", "LLAMA_BUILD_SERVER=ON"]
    options += [f"{name}=OFF" for name in off]
    if "amx_tile" in Path("/proc/cpuinfo").read_text():
        # GCC before 14 drops the stores to the tiles' configuration (its bug 114098): a crash.
        options += ["CMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse"]
    defines = [f"-D{option}" for option in options]
    run(["cmake", "-S", SOURCE, "-B", HOME / "build", "-G", "Ninja", *defines], env=env)


def numbers(values):
    return ",".join(str(value) for value in values)


def round_of(task):
    bench = [tool("llama-bench"), "-m", task["model"], "-t", task["threads"], "-o", "json"]
    cells, rows = {}, []
    if prefills := wanted(task, "prefill"):
        say("    prompts")
        rows += json.loads(output([*bench, "-p", numbers(prefills), "-n", "0", "-r", REPEATS]))
        for row in rows:
            # The fastest, as ours.
            cells[cell("prefill", row["n_prompt"], task)] = max(row["samples_ts"])
    if depths := wanted(task, "decode"):
        say("    single sequences")
        decode = ["-p", "0", "-n", task["generated"], "-d", numbers(depths), "-r", "1"]
        for row in json.loads(output([*bench, *decode])):
            rows.append(row)
            cells[cell("decode", row["n_depth"], task)] = row["avg_ts"]
    if wanted(task, "batch"):
        say("    batches")
        cells |= batches(task)
    if task["start"]:
        cells |= start(task)
    if text := task["perplexity"]:
        say("    perplexity")
        cells[text["cell"]] = perplexity(task, text)
    version = VERSION_LINE
    if rows:
        version += f", commit {rows[0]['build_commit']}"
    return {"version": version, "cells": cells}


def batches(task):
    sizes = wanted(task, "batch")
    context = max(sizes) * (task["batch_prompt"] + task["generated"])
    command = [tool("llama-batched-bench"), "-m", task["model"], "-t", task["threads"], "-c", context,
               "-npp", task["batch_prompt"], "-ntg", task["generated"], "-npl", numbers(sizes),
               "--output-format", "jsonl"]
    rows = [json.loads(line) for line in output(command).splitlines() if line.startswith("{")]
    return {cell("batch", row["pl"], task): row["speed_tg"] for row in rows}


def perplexity(task, text):
    """The tool's own estimate; it predicts the second half of each window, as ours."""
    command = [tool("llama-perplexity"), "-m", task["model"], "-t", task["threads"], "-f", text["file"],
               "-c", text["window"], "--chunks", text["windows"]]
    found = re.search(r"Final estimate: PPL = ([0-9.]+)", output(command, both=True))
    if not found:
        raise Absent("printed no perplexity")
    return float(found[1])


def start(task):
    """The life of a process that reads a prompt and ends: its time and the most memory it held."""
    command = [tool("llama-bench"), "-m", task["model"], "-t", task["threads"], "-p", START_TOKENS,
               "-n", "0", "-r", "1", "--no-warmup"]
    began = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise Absent("did not come to a first token")
    return {task["start"]: time.perf_counter() - began, task["resident"]: usage.ru_maxrss / 1024}


if __name__ == "__main__":
    print(source())
