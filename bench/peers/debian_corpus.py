"""Corpora of real text, cut from Debian's documentation packages; the same packages give the same bytes.

    python3 bench/peers/debian_corpus.py FOLDER                       debian10k.jsonl and debian100k.jsonl
    python3 bench/peers/debian_corpus.py FOLDER --near 100000 1000000  near100k.jsonl, near1m.jsonl and their truth
    python3 bench/peers/debian_corpus.py path varied|near|big           makes one beside the cache if need be, prints its path
    python3 bench/peers/debian_corpus.py FOLDER --labelled             labelled.jsonl: sentences with their language
    python3 bench/peers/debian_corpus.py FOLDER --big 5               big5.jsonl of 5 GB, made by variation

Lines are {"id", "text"}. It needs Debian 12 (apt-get, dpkg-deb) and about 3 GB below
~/.cache/catena/bench/debian, or --cache. The versions of the packages stand in debian.packages.json
and near.packages.json beside the corpora: security updates change a few pages.
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import random
import subprocess
import sys
import tarfile
from pathlib import Path

import debian_labelled
import debian_near
from debian_packages import DOCUMENTS, PASSAGES, TRANSLATED, language_of
from debian_text import MAX_BYTES, reader_of, text_of

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catena" / "bench" / "debian"
# A reader that changed makes the kept pages worthless.
PAGES_VERSION = 2
MANY, FEW = 100_000, 10_000
# Documents are whole pages, or parts whose sizes in characters follow a log-normal law.
MEDIAN_CHARS, SPREAD = 2000, 1.0
LEAST_CHARS, MOST_CHARS = 40, 300_000
WHOLE_PAGES = 0.08
# Shares of the documents; what is left is English.
SHARES = {"zh": 0.025, "others": 0.055}


def say(text):
    print(text, file=sys.stderr, flush=True)


def download(cache, packages):
    """The package files, by name; those that are there already are not asked for again."""
    cache.mkdir(parents=True, exist_ok=True)
    lacking = [name for name in packages if not list(cache.glob(f"{name}_*.deb"))]
    if lacking:
        say(f"downloading {len(lacking)} packages into {cache}")
        subprocess.run(["apt-get", "download", "-q", *lacking], cwd=cache, check=True, stdout=sys.stderr)
    return {name: sorted(cache.glob(f"{name}_*.deb"))[-1] for name in packages}


def read_package(task):
    """Writes the pages of a package as JSON lines beside it, once."""
    name, file = task
    pages = file.with_name(f"{file.stem}.pages{PAGES_VERSION}.jsonl")
    if pages.exists():
        return name, pages
    unfinished = pages.with_suffix(".tmp")
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(file)], stdout=subprocess.PIPE) as unpack, \
            tarfile.open(fileobj=unpack.stdout, mode="r|") as tar, open(unfinished, "w", encoding="utf-8") as out:
        for member in tar:
            path = member.name.removeprefix(".")
            reader = reader_of(path) if member.isfile() and 0 < member.size <= MAX_BYTES else None
            if reader is None:
                continue
            text = text_of(reader, path, tar.extractfile(member).read())
            if len(text) >= LEAST_CHARS:
                text = text.encode("utf-8", "replace").decode()
                out.write(json.dumps({"path": path, "language": language_of(name, path), "text": text},
                                     ensure_ascii=False) + "\n")
    unfinished.rename(pages)
    return name, pages


def digest(text):
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def pages_of(files):
    """Every page once, as (name, language, text), the packages in the order of their names."""
    seen = set()
    for package, file in sorted(files.items()):
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                page = json.loads(line)
                key = digest(page["text"])
                if key not in seen:
                    seen.add(key)
                    yield package, page["path"], page["language"], page["text"]


def documents_of(name, text):
    """The whole page, or parts that end where paragraphs, lines or words do."""
    dice = random.Random(name)
    size = min(math.exp(dice.gauss(math.log(MEDIAN_CHARS), SPREAD)), MOST_CHARS)
    if len(text) <= 1.5 * size or dice.random() < WHOLE_PAGES:
        yield text[:MOST_CHARS]
        return
    start = 0
    while start < len(text):
        size = int(min(max(math.exp(dice.gauss(math.log(MEDIAN_CHARS), SPREAD)), LEAST_CHARS), MOST_CHARS))
        end = len(text) if len(text) - start <= size else cut(text, start, start + size)
        part = text[start:end].strip()
        if len(part) >= LEAST_CHARS:
            yield part
        start = end


def cut(text, start, end):
    """A place at or a little before `end` where nothing is torn."""
    for mark in ("\n\n", "\n", ". ", "。", " "):
        found = text.rfind(mark, start + (end - start) // 2, end)
        if found > 0:
            return found + len(mark)
    return end


def candidates(files):
    """Identity, group and rank of every document that could be taken."""
    groups = {}
    for package, path, language, text in pages_of(files):
        name = f"{package}{path}"
        kind = "en" if language == "en" else "zh" if language == "zh" else "others"
        for part, document in enumerate(documents_of(name, text)):
            identity = f"{name}#{part}"
            groups.setdefault((kind, package), []).append((digest(identity), digest(document)))
    return groups


def chosen(groups, count):
    """The identities of `count` documents: large packages give less than their size."""
    taken, contents = {}, set()
    for kind in ("zh", "others", "en"):
        part = {package: sorted(found) for (other, package), found in sorted(groups.items()) if other == kind}
        wanted = int(count * SHARES[kind]) if kind in SHARES else count - len(taken)
        places = sorted(((rank + 0.5) / len(found) ** 0.7, identity, content)
                        for found in part.values() for rank, (identity, content) in enumerate(found))
        for _, identity, content in places:
            if wanted and content not in contents:
                contents.add(content)
                taken[identity] = None
                wanted -= 1
    if len(taken) < count:
        sys.exit(f"the packages give {len(taken)} documents only, {count} were asked for")
    return taken


def write_documents(files, folder):
    """Both corpora; the small one is the beginning of the large one."""
    taken = chosen(candidates(files), MANY)
    say("documents are chosen")
    for package, path, _, text in pages_of(files):
        name = f"{package}{path}"
        for part, document in enumerate(documents_of(name, text)):
            key = digest(f"{name}#{part}")
            if key in taken:
                taken[key] = json.dumps({"id": f"{name}#{part}", "text": document}, ensure_ascii=False)
    lines = [taken[key] for key in sorted(taken)]
    for name, some in (("debian10k", lines[:FEW]), ("debian100k", lines)):
        write_lines(folder / f"{name}.jsonl", some)
        say(f"{name}.jsonl: {len(some)} documents, {sum(len(line.encode()) for line in some) / 1e6:.0f} MB")


def write_lines(file, lines):
    unfinished = file.with_suffix(".tmp")
    with open(unfinished, "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in lines)
    unfinished.rename(file)


def write_big(folder, gigabytes):
    """Repeats debian100k.jsonl with other orders of paragraphs and a word of its own per round."""
    written, turn = 0, 0
    file = folder / f"big{gigabytes}.jsonl"
    unfinished = file.with_suffix(".tmp")
    with open(unfinished, "wb") as out:
        while written < gigabytes * 10**9:
            with open(folder / "debian100k.jsonl", encoding="utf-8") as lines:
                for line in lines:
                    record = json.loads(line)
                    if turn:
                        paragraphs = record["text"].split("\n\n")
                        random.Random(f"{turn} {record['id']}").shuffle(paragraphs)
                        record["text"] = "\n\n".join(paragraphs).replace(" the ", f" the {turn}th ", 1)
                    record["id"] = f"{turn}:{record['id']}"
                    written += out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
                    if written >= gigabytes * 10**9:
                        break
            turn += 1
    unfinished.rename(file)


def path_of(kind):
    """The usual corpus of a benchmark, made beside the packages if it is not there yet."""
    folder = CACHE / "corpora"
    file = folder / {"varied": "debian100k.jsonl", "near": "near1m.jsonl", "big": "big5.jsonl"}[kind]
    if kind == "big":
        path_of("varied")
    if not file.exists():
        size = {"varied": [], "near": ["--near", "1000000"], "big": ["--big", "5"]}[kind]
        subprocess.run([sys.executable, __file__, str(folder), *size], check=True, stdout=sys.stderr)
    return file


def main():
    if sys.argv[1:2] == ["path"]:
        print(path_of(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--near", type=int, nargs="+", metavar="N")
    parser.add_argument("--labelled", action="store_true")
    parser.add_argument("--big", type=int, metavar="GB")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    if wanted.big:
        write_big(wanted.folder, wanted.big)
        return
    names = PASSAGES if wanted.near else TRANSLATED if wanted.labelled else DOCUMENTS
    packages = download(wanted.cache, names)
    by_size = sorted(packages.items(), key=lambda item: item[1].stat().st_size)
    with multiprocessing.Pool() as pool:
        files = dict(pool.imap_unordered(read_package, by_size))
    say(f"{sum(file.stat().st_size for file in files.values()) / 1e6:.0f} MB of pages")
    if wanted.labelled:
        debian_labelled.write(pages_of(files), wanted.folder / "labelled.jsonl", say)
        return
    if wanted.near:
        debian_near.write(pages_of(files), sorted(wanted.near), wanted.folder, say)
    else:
        write_documents(files, wanted.folder)
    versions = {name: file.name for name, file in sorted(packages.items())}
    kept = wanted.folder / ("near.packages.json" if wanted.near else "debian.packages.json")
    kept.write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
