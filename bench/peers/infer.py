"""Peers of `catena bench infer`: llama.cpp, built for this machine from llama-cpp-python's source.

    python3 bench/peers/infer.py install      builds it once below ~/.cache/catena/peers
    python3 bench/peers/infer.py round TASK   one round; TASK is the JSON that the bench writes

Figures go to standard output as JSON, everything else to standard error.
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "0.3.36"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catena" / "peers"
HOME = CACHE / f"llama-cpp-python-{VERSION}"
TOOLS = ["llama-bench", "llama-batched-bench"]
PREFIX = "infer"


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    say("$ " + " ".join(str(part) for part in command))
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr, **options)


def tool(name):
    return HOME / "build" / "bin" / name


def install():
    """Builds llama.cpp's own bench tools for this processor."""
    if all(tool(name).exists() for name in TOOLS):
        return
    say(f"building llama.cpp in {HOME} (once; about a quarter of an hour on two cores)")
    build_tools = HOME / "tools"
    env = dict(os.environ, PYTHONPATH=str(build_tools))
    env["PATH"] = f"{build_tools / 'bin'}{os.pathsep}{env['PATH']}"
    pip = [sys.executable, "-m", "pip"]
    run([*pip, "install", "-q", "--target", build_tools, "scikit-build-core", "cmake", "ninja"])
    # Only this package as source: its build tools come as wheels.
    package = "llama-cpp-python"
    choice = ["--no-deps", "--no-build-isolation", "--no-binary", package]
    run([*pip, "download", "-q", *choice, "-d", HOME, f"{package}=={VERSION}"], env=env)
    with tarfile.open(HOME / f"llama_cpp_python-{VERSION}.tar.gz") as archive:
        archive.extractall(HOME, filter="data")
    source = HOME / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
    off = ["LLAMA_CURL", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_SERVER"]
    options = ["CMAKE_BUILD_TYPE=Release", "GGML_NATIVE=ON", "BUILD_SHARED_LIBS=OFF"]
    options += [f"{name}=OFF" for name in off]
    defines = [f"-D{option}" for option in options]
    run(["cmake", "-S", source, "-B", HOME / "build", "-G", "Ninja", *defines], env=env)
    run(["cmake", "--build", HOME / "build", "--target", *TOOLS], env=env)


def output(command):
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    return done.stdout


def numbers(values):
    return ",".join(str(value) for value in values)


def round_of(task):
    model, threads, kind = task["model"], task["threads"], task["format"]
    bench = [tool("llama-bench"), "-m", model, "-t", threads, "-r", "1", "-o", "json"]
    cells = {}
    rows = json.loads(output([*bench, "-p", numbers(task["prefills"]), "-n", "0", "-r", "3"]))
    for row in rows:
        # The fastest of three, as ours.
        best = max(row["samples_ts"])
        cells[f"{PREFIX}/prefill/{row['n_prompt']}/{kind}"] = best
    decode = ["-p", "0", "-n", task["generated"], "-d", numbers(task["depths"])]
    for row in json.loads(output([*bench, *decode])):
        cells[f"{PREFIX}/decode/{row['n_depth']}/{kind}"] = row["avg_ts"]
    largest = max(task["batches"])
    context = largest * (task["batch_prompt"] + task["generated"])
    batched = [tool("llama-batched-bench"), "-m", model, "-t", threads, "-c", context,
               "-npp", task["batch_prompt"], "-ntg", task["generated"],
               "-npl", numbers(task["batches"]), "--output-format", "jsonl"]
    for line in output(batched).splitlines():
        if line.startswith("{"):
            row = json.loads(line)
            cells[f"{PREFIX}/batch/{row['pl']}/{kind}"] = row["speed_tg"]
    versions = {"llama.cpp": f"llama-cpp-python {VERSION}, commit {rows[0]['build_commit']}"}
    return {"versions": versions, "peers": {"llama.cpp": cells}}


if __name__ == "__main__":
    if sys.argv[1:] == ["install"]:
        install()
    elif len(sys.argv) == 3 and sys.argv[1] == "round":
        print(json.dumps(round_of(json.loads(sys.argv[2]))))
    else:
        sys.exit(__doc__)
