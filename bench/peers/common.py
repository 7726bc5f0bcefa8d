"""What the peers share: where they live, how their programs run, and what a failure says."""

import ctypes
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catena" / "peers"
VENV = CACHE / "infer-venv"
VENV_PYTHON = VENV / "bin" / "python"
# Longest time that one peer may take in one round.
LIMIT_S = 900
# Prompts of a measurement of reading, the fastest counting, as ours.
REPEATS = 3
# Tokens of the prompt of the start, as ours.
START_TOKENS = 20
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Absent(Exception):
    """A figure that cannot be had, in words for the results."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def end_with_parent():
    """A measurement that nobody waits for must not slow the next one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no words of its own"


def run(command, **options):
    """A step of an installation, in full view."""
    command = [str(part) for part in command]
    say("$ " + " ".join(command))
    try:
        subprocess.run(command, check=True, stdout=sys.stderr, preexec_fn=end_with_parent, **options)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"cannot be installed: {error}") from error


def output(command, both=False, **options):
    """What a measuring program prints; `both` counts what goes to standard error."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S,
                              preexec_fn=end_with_parent, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"did not run: {error}") from error
    if done.returncode != 0:
        words = last_line(done.stderr or done.stdout)
        raise Absent(f"fails with status {done.returncode}: {words}")
    return done.stdout + done.stderr if both else done.stdout


def pip_install(pins, *options, venv=VENV):
    """Installs what the shared environment lacks of `pins`, by name and version."""
    python = venv / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", venv])
    probe = "import sys; from importlib.metadata import version\n"
    probe += "sys.exit(any(version(p).split('+')[0] != v for p, v in (a.split('==') for a in sys.argv[1:])))"
    found = subprocess.run([python, "-c", probe, *pins], stderr=subprocess.DEVNULL)
    if found.returncode != 0:
        run([python, "-m", "pip", "install", "-q", *options, *pins])


def pip_install_torch(version):
    """PyTorch for processors; PyPI's own wheel brings gigabytes of CUDA and is the second choice."""
    try:
        pip_install([f"torch=={version}"], "--index-url", CPU_INDEX)
    except Absent:
        say("PyTorch's own index cannot be had; PyPI's wheel needs several GB")
        pip_install([f"torch=={version}"])


def in_venv(script, task):
    """Runs `script` as a program of the shared environment; it measures `task` and prints JSON."""
    text = output([VENV_PYTHON, script], input=json.dumps(task))
    return json.loads(text.splitlines()[-1])


def measured_in_venv(measure):
    """The other side of `in_venv`: a failure is said in its own words, not as a traceback."""
    task = json.load(sys.stdin)
    try:
        print(json.dumps(measure(task)))
    except Absent as error:
        sys.exit(str(error))
    except Exception as error:
        words = [line.strip() for line in str(error).splitlines() if line.strip()]
        sys.exit(f"{type(error).__name__}: {words[-1] if words else ''}")


def start_in_venv(script, task):
    """Seconds from starting a process to its first token, and the MiB it then holds."""
    command = [str(VENV_PYTHON), str(script), "first-token"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL, preexec_fn=end_with_parent) as child:
        child.stdin.write(json.dumps(task))
        child.stdin.close()
        line = child.stdout.readline()
        seconds = time.perf_counter() - began
    if not line.strip():
        raise Absent("did not come to a first token")
    return seconds, int(line) / 2**20


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cell(kind, size, task):
    return f"infer/{kind}/{size}/{task['format']}"


def cell_at(name, part):
    """The name of a figure that belongs to a cell."""
    return f"{name}/{part}"


def percentile(values, percent):
    """The smallest value that at least so many percent of them do not exceed, as ours."""
    return sorted(values)[max(math.ceil(percent * len(values) / 100), 1) - 1]


def wanted(task, kind):
    """The sizes of `kind` that the bench asks for."""
    return task[{"prefill": "prefills", "decode": "depths", "batch": "batches"}[kind]]


def prompts(seed, vocabulary, tokens):
    """Prompts of random token ids, each another one."""
    import numpy

    generator = numpy.random.default_rng(seed)
    while True:
        yield generator.integers(0, vocabulary, size=(1, tokens), dtype=numpy.int64)


def texts_of(corpus):
    with open(corpus, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def timed(answer, texts, limit_s, first):
    """Documents, bytes and seconds of answering alone; the answer to `first` is not counted."""
    answer(first)
    done, size, seconds = 0, 0, 0.0
    for text in texts:
        began = time.perf_counter()
        answer(text)
        seconds += time.perf_counter() - began
        done += 1
        size += len(text.encode())
        if seconds > limit_s:
            break
    return done, size, seconds
