"""How far two files of decisions agree, rule set by rule set.

    python3 bench/peers/data_parity.py OURS THEIRS [--show 10] [--corpus FILE]

OURS comes from a query, in one line:

    catena data sql "SELECT id, judge('gopher-quality@datatrove', text) IS NULL AS gopher_quality,
        judge('gopher-repetition@datatrove', text) IS NULL AS gopher_repetition,
        judge('c4@datatrove', text) IS NULL AS c4, judge('c4-fineweb@datatrove', text) IS NULL AS c4_fineweb,
        judge('fineweb@datatrove', text) IS NULL AS fineweb FROM documents" --on CORPUS --format jsonl > OURS

Lines of both are {"id", RULES: DECISION, ...} in any order. A decision is true, a reason, or
{"keep", "reason"}; false is a drop without a reason. OURS may call the sets as Catena does. With the
corpus the first differences come with the beginning of their texts.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from common import CACHE, say

# DataTrove's name first, then what else the same set is called.
NAMES = {"gopher_quality": ["gopher-quality", "gopher_quality@datatrove"],
         "gopher_repetition": ["gopher-repetition", "gopher_repetition@datatrove"],
         "c4": [], "c4_fineweb": ["c4-fineweb", "c4@fineweb"], "fineweb": []}
# Sets of DataTrove's that are one set of ours, in the order of its pipeline: the first reason counts.
TOGETHER = {"gopher": ["gopher_repetition", "gopher_quality"]}


def plain(decision):
    """True, or the reason; `dropped` where there is none."""
    if isinstance(decision, dict):
        decision = True if decision["keep"] else decision.get("reason") or "dropped"
    return "dropped" if decision is False or decision is None else decision


def read(file):
    records = {}
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            records[record.pop("id")] = {name: plain(decision) for name, decision in record.items()}
    return records


def decision_of(record, name):
    """What a record says for one of our names, under any of the names it goes by."""
    for known in [name, *NAMES.get(name, [])]:
        if known in record:
            return record[known]
    parts = [decision_of(record, part) for part in TOGETHER.get(name, [])]
    if not parts or None in parts:
        return None
    return next((part for part in parts if part is not True), True)


def compare(ours, theirs, name):
    """Counts of documents, of the same decision and of the same reason, and the differences."""
    both = same = reasons = 0
    differences = []
    for identity, record in theirs.items():
        mine, other = decision_of(ours.get(identity, {}), name), decision_of(record, name)
        if mine is None or other is None:
            continue
        both += 1
        same += (mine is True) == (other is True)
        reasons += mine == other
        if (mine is True) != (other is True):
            differences.append((identity, mine, other))
    return both, same, reasons, differences


def decisions_of(corpus):
    """What DataTrove decides of every document: computed once for a corpus and a version, which takes minutes."""
    from data_rules import write_decisions

    digest = hashlib.sha256()
    with open(corpus, "rb") as data:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
    folder = CACHE / "data-decisions"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{digest.hexdigest()[:16]}-datatrove-{version('datatrove')}.jsonl"
    if not file.exists():
        say(f"  DataTrove decides about every document, once for this corpus: {file}")
        unfinished = file.with_suffix(".tmp")
        write_decisions(corpus, unfinished)
        unfinished.rename(file)
    return file


def measure(corpus, ours):
    """For `data.py decisions`: of each set the share of all documents with the same decision."""
    mine, theirs = read(ours), read(decisions_of(corpus))
    checks, notes = {}, [f"{len(theirs)} documents"]
    for name in NAMES:
        both, same, _, differences = compare(mine, theirs, name)
        checks[f"data/decisions/{name}"] = same / len(theirs)
        notes.append(f"{name}: {len(differences)} differ, {len(theirs) - both} lack a decision")
    return {"versions": {}, "peers": {}, "checks": checks, "notes": notes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=Path)
    parser.add_argument("theirs", type=Path)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--least", type=float, default=0.0, help="exit with 1 if a set agrees less than this share")
    wanted = parser.parse_args()
    ours, theirs = read(wanted.ours), read(wanted.theirs)
    texts = {}
    if wanted.corpus:
        with open(wanted.corpus, encoding="utf-8") as lines:
            texts = {record["id"]: record["text"] for record in map(json.loads, lines)}
    print(f"{len(ours)} documents of ours, {len(theirs)} of theirs, {len(ours.keys() & theirs.keys())} in both")
    shares = []
    for name in [*NAMES, *TOGETHER]:
        both, same, reasons, differences = compare(ours, theirs, name)
        if not both:
            continue
        shares.append(same / both)
        print(f"{name}: {both} documents, same decision {100 * same / both:.4f} %, same reason {100 * reasons / both:.4f} %")
        for (mine, other), count in Counter(pair[1:] for pair in differences).most_common(wanted.show):
            print(f"  {count} times ours {mine}, theirs {other}")
        for identity, mine, other in differences[:wanted.show]:
            print(f"  {identity}: ours {mine}, theirs {other}")
            if identity in texts:
                print(f"    {texts[identity][:300]!r}")
    sys.exit(0 if shares and min(shares) >= wanted.least else 1)


if __name__ == "__main__":
    main()
