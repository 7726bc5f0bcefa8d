"""Peers of `catena bench`; each has a file of its own beside this one.

    python3 bench/peers/infer.py install      installs them once below ~/.cache/catena/peers
    python3 bench/peers/infer.py names        the peers' names
    python3 bench/peers/infer.py models PATH  a GGUF file, or the folder of one, in the other formats to measure
    python3 bench/peers/infer.py others PATH  other models to measure; one is made with that file's vocabulary
    python3 bench/peers/infer.py round        one round of the task that comes as JSON on standard input

Results go to standard output as JSON, everything else to standard error. A peer that cannot be
installed, or cannot measure a task, is a note in the results and stops no other one.
"""

import json
import sys
from pathlib import Path

import gemm_crate
import llama_batched
import llama_cpp
import llama_load
import llama_server
import models
import openvino_peer
import pytorch
import pytorch_train
import sentences
import torch_gemm
from common import Absent, say

# Each with `NAME`, `AREA`, `install()` and `round_of(task)`.
PEERS = [llama_cpp, openvino_peer, pytorch, pytorch_train, sentences, torch_gemm, gemm_crate, llama_batched,
         llama_server, llama_load]


def install():
    """Installs every peer; the notes name those that cannot be had."""
    notes = {}
    for peer in PEERS:
        try:
            peer.install()
        except Absent as error:
            say(f"{peer.NAME} {error}")
            notes[peer.NAME] = str(error)
    return {"notes": notes}


def is_idle(peer, task):
    """Whether nothing that it can measure is wanted."""
    kinds = getattr(peer, "KINDS", ["texts", "gemm", "prefills", "depths", "batches", "start"])
    return not any(task.get(kind) for kind in kinds)


def round_of(task):
    """One round of the peers of the task's area, one after another."""
    results = {"versions": {}, "peers": {}, "checks": {}, "notes": {}}
    for peer in PEERS:
        if peer.AREA != task["area"] or peer.NAME in task["without"] or is_idle(peer, task):
            continue
        if task["only"] and peer.NAME not in task["only"]:
            continue
        say(f"  {task['label']}: {peer.NAME}")
        try:
            measured = peer.round_of(task)
        except Absent as error:
            say(f"  {peer.NAME}: {error}")
            results["notes"][f"{peer.NAME}, {task['format']}"] = str(error)
            continue
        results["versions"][peer.NAME] = measured["version"]
        results["peers"][peer.NAME] = measured["cells"]
        results["checks"] |= measured.get("checks", {})
        if notes := measured.get("notes"):
            results["notes"][f"{peer.NAME}, {task['format']}"] = "; ".join(notes)
    return results


def main(args):
    if args == ["names"]:
        print(json.dumps(sorted({peer.NAME for peer in PEERS})))
    elif args == ["install"]:
        print(json.dumps(install()))
    elif args == ["round"]:
        print(json.dumps(round_of(json.load(sys.stdin))))
    elif len(args) == 2 and args[0] in ("models", "others"):
        llama_cpp.install()
        path = Path(args[1])
        file = next(path.glob("*.gguf"), path) if path.is_dir() else path
        make = models.in_formats if args[0] == "models" else models.others
        for made in make(file):
            print(made)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except Absent as error:
        sys.exit(str(error))
