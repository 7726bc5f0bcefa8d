"""llama.cpp's server under the load that our own server gets: the same client, the same requests."""

import json
import tempfile
from pathlib import Path

import llama_cpp
from common import output
from llama_server import CACHES, HOST, Server, keep_best

NAME = "llama-server"
AREA = "serve"
KINDS = ["load"]
install = llama_cpp.install


def round_of(task):
    cells = {}
    for load in task["load"]:
        for cache in CACHES:
            keep_best(cells, measured(task, load, cache))
    return {"version": llama_cpp.VERSION_LINE, "cells": cells}


def measured(task, load, cache):
    """What the client of `catena bench serve` says of a fresh server with a slot for each user."""
    with Server(task, load["users"], task["tokens"], *cache) as server, \
            tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cells.json"
        output([*load["command"], "--url", f"http://{HOST}:{server.port}", "--model", "measured",
                "--rounds", "1", "--json", file])
        cells = json.loads(file.read_text())["cells"]
    return {cell["name"]: cell["ours"] for cell in cells}
