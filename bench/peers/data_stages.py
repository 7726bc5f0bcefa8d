"""DataTrove's deduplications: MinHash in four stages and exact in three, end to end with two workers."""

import json
import shutil
import tempfile
import time
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

MINHASH, EXACT = "data/minhash", "data/exact"
PEER = "DataTrove"
WORKERS = 2
# Documents that tell the speed before the subset is chosen.
PROBE = 2000
BUCKETS = 14
# Where a pair counts as a duplicate.
THRESHOLD = 0.8


def minhash(corpus, limit_s, truth, documents=None):
    """Seconds for the whole corpus, by the time of a subset where the whole takes too long."""
    lines = corpus.read_text(encoding="utf-8").splitlines()
    count = min(documents or subset(lines, limit_s), len(lines))
    with tempfile.TemporaryDirectory(prefix="catena-peers-") as folder:
        folder = Path(folder)
        split(lines[:count], folder / "in")
        began = time.perf_counter()
        run_minhash(folder)
        seconds = time.perf_counter() - began
        found = clusters(folder / "clusters", count)
    whole = seconds * len(lines) / count
    cells = {MINHASH: whole, f"{MINHASH}/documents": count / seconds}
    note = f"{count} of {len(lines)} documents in {seconds:.0f} s with {WORKERS} workers"
    if count < len(lines):
        note += f"; {whole:.0f} s is that time multiplied by {len(lines) / count:.2f}, not measured"
    checks, more = compared(found, lines[:count], truth) if truth else ({}, [])
    return {"versions": {PEER: version("datatrove")}, "peers": {PEER: cells | checks}, "notes": [note, *more]}


def subset(lines, limit_s):
    """How many documents fit into the time, by the speed of a small run, start-up included."""
    if len(lines) <= PROBE:
        return len(lines)
    with tempfile.TemporaryDirectory(prefix="catena-peers-") as folder:
        folder = Path(folder)
        split(lines[:PROBE], folder / "in")
        began = time.perf_counter()
        run_minhash(folder)
        return max(int(PROBE * limit_s / (time.perf_counter() - began)), PROBE)


def split(lines, folder):
    """One file for each worker, as DataTrove shares out work by files."""
    folder.mkdir()
    share = -(-len(lines) // WORKERS)
    for rank in range(WORKERS):
        part = lines[rank * share:(rank + 1) * share]
        (folder / f"{rank:05}.jsonl").write_text("".join(line + "\n" for line in part), encoding="utf-8")


def run(pipeline, tasks):
    from datatrove.executor import LocalPipelineExecutor

    logs = tempfile.mkdtemp(prefix="catena-peers-")
    try:
        LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=min(tasks, WORKERS), logging_dir=logs,
                              skip_completed=False).run()
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def run_minhash(folder):
    """Its default configuration: five words, 14 buckets of 8 hashes."""
    from datatrove.pipeline.dedup import (MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter,
                                          MinhashDedupSignature)
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config, path = MinhashConfig(), {name: str(folder / name) for name in ("in", "sig", "pairs", "clusters", "out")}
    run([JsonlReader(path["in"]), MinhashDedupSignature(path["sig"], config=config)], WORKERS)
    run([MinhashDedupBuckets(path["sig"], path["pairs"], config=config)], BUCKETS)
    run([MinhashDedupCluster(path["pairs"], path["clusters"], config=config, save_cluster_id=True)], 1)
    run([JsonlReader(path["in"]), MinhashDedupFilter(path["clusters"]),
         JsonlWriter(path["out"], compression=None)], WORKERS)


def clusters(folder, count):
    """The places of the documents of each cluster."""
    import numpy

    found, share = {}, -(-count // WORKERS)
    for file in sorted(folder.glob("*.clusters")):
        start = int(file.stem) * share
        for place, cluster in numpy.fromfile(file, dtype="<u4").reshape(-1, 2):
            found.setdefault(int(cluster), []).append(start + int(place))
    return list(found.values())


def compared(found, lines, truth):
    """Recall of the planted pairs that are similar enough, and precision of all pairs of the clusters."""
    names = [json.loads(line)["id"] for line in lines]
    present = set(names)
    pairs = {frozenset((names[a], names[b])) for cluster in found for a, b in combinations(cluster, 2)}
    known = {}
    for line in truth.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["a"] in present and pair["b"] in present:
            known[frozenset((pair["a"], pair["b"]))] = pair["jaccard"]
    wanted = {pair for pair, similarity in known.items() if similarity >= THRESHOLD}
    right = sum(known.get(pair, 0) >= THRESHOLD for pair in pairs)
    planted = sum(pair in known for pair in pairs)
    figures = {f"{MINHASH}/recall": len(wanted & pairs) / max(len(wanted), 1),
               f"{MINHASH}/precision": right / max(len(pairs), 1)}
    note = (f"{len(pairs)} pairs in its clusters; {right} of the {len(wanted)} planted at {THRESHOLD} or more, "
            f"{planted - right} planted below, {len(pairs) - planted} not planted")
    return figures, [note]


def content(document) -> str:
    return document.text


def run_exact(folder):
    from datatrove.pipeline.dedup import ExactDedupFilter, ExactDedupSignature, ExactFindDedups
    from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config, path = ExactDedupConfig(content), {name: str(folder / name) for name in ("in", "sig", "pairs", "out")}
    run([JsonlReader(path["in"]), ExactDedupSignature(path["sig"], config, finder_workers=WORKERS)], WORKERS)
    run([ExactFindDedups(path["sig"], path["pairs"], config)], WORKERS)
    run([JsonlReader(path["in"]), ExactDedupFilter(path["pairs"], config),
         JsonlWriter(path["out"], compression=None)], WORKERS)


def by_datatrove(corpus, lines):
    """Seconds, documents left and version."""
    with tempfile.TemporaryDirectory(prefix="catena-peers-") as folder:
        folder = Path(folder)
        split(lines, folder / "in")
        began = time.perf_counter()
        run_exact(folder)
        seconds = time.perf_counter() - began
        kept = sum(1 for file in (folder / "out").glob("*") for _ in open(file, "rb"))
    return seconds, kept, version("datatrove")


def by_duckdb(corpus, lines):
    import duckdb

    with tempfile.TemporaryDirectory(prefix="catena-peers-") as folder:
        out = Path(folder) / "out.jsonl"
        base = duckdb.connect(config={"threads": WORKERS, "temp_directory": folder})
        began = time.perf_counter()
        base.execute(f"copy (select min(id) as id, text from read_json('{corpus}', format='newline_delimited', "
                     f"columns={{id: 'varchar', text: 'varchar'}}) group by text) to '{out}' (format json)")
        seconds = time.perf_counter() - began
        kept = sum(1 for _ in open(out, "rb"))
    return seconds, kept, version("duckdb")


def by_python(corpus, lines):
    """The loop that everybody writes: a set of digests."""
    import hashlib
    import platform

    import orjson

    with tempfile.TemporaryDirectory(prefix="catena-peers-") as folder:
        began, seen, kept = time.perf_counter(), set(), 0
        with open(corpus, "rb") as source, open(Path(folder) / "out.jsonl", "wb") as out:
            for line in source:
                key = hashlib.blake2b(orjson.loads(line)["text"].encode(), digest_size=16).digest()
                if key not in seen:
                    seen.add(key)
                    out.write(line)
                    kept += 1
        seconds = time.perf_counter() - began
    return seconds, kept, f"{platform.python_version()}, orjson {version('orjson')}"


def exact(corpus, limit_s):
    """Megabytes of the file per second, each peer once over all of it."""
    lines = corpus.read_text(encoding="utf-8").splitlines()
    size, results = corpus.stat().st_size, {"versions": {}, "peers": {}, "notes": []}
    for name, peer in ((PEER, by_datatrove), ("DuckDB", by_duckdb), ("Python", by_python)):
        try:
            seconds, kept, words = peer(corpus.resolve(), lines)
        except Exception as error:
            results["notes"].append(f"{name} fails: {type(error).__name__}: {error}"[:300])
            continue
        results["versions"][name] = words
        results["peers"][name] = {EXACT: size / 1e6 / seconds}
        results["notes"].append(f"{name}: {len(lines)} documents, {size / 1e6:.0f} MB in {seconds:.1f} s, {kept} left")
    return results
