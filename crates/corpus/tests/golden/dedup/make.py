"""Writes what DataTrove's MinHash computes for a few texts.

    python -m venv venv && venv/bin/pip install datatrove==0.10.1 xxhash==3.5.0 spacy==3.8.18 regex tokenizers
    venv/bin/python make.py

The texts are made of the words below, so that the file is free of anybody's rights.
"""

import json
import random
import struct
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupSignature,
)
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import simplify_text

WORDS = """the of and to in is that for it as was with be by on not he this are or his from at which
but have an had they you were their one all we can her has there been if more when will would who
river stone market garden winter letter machine copper signal harbour village teacher engine
cannot don't it's naïve café über 3.14 1,000 42 2024-05-06 10km e-mail "quoted" (aside) $5 50% — …
Ångström İstanbul ΣΊΣΥΦΟΣ x² ½ Ⅷ ١٢٣ 北京 a_b user@example.com gonna U.S. ... ;-)""".split()


def sentence(rng, length):
    return " ".join(rng.choice(WORDS) for _ in range(length)) + rng.choice([".", "!", "?\n", "\n\n"])


def text(rng, sentences):
    return " ".join(sentence(rng, rng.randint(4, 14)) for _ in range(sentences))


def changed(rng, original, rate):
    words = original.split(" ")
    return " ".join(rng.choice(WORDS) if rng.random() < rate else word for word in words)


def signatures(rng):
    texts = [text(rng, n) for n in (1, 3, 12)] + ["too short", "one two three four five", ""]
    steps = {
        name: MinhashDedupSignature(tempfile.mkdtemp(), MinhashConfig(hash_config=HashConfig(64, name)))
        for name in ("xxhash", "sha1")
    }
    for one in texts:
        entry = {"text": one, "plain": simplify_text(one)}
        entry["words"] = steps["xxhash"].word_tokenizer.word_tokenize(entry["plain"])
        for name, step in steps.items():
            shingles = step.get_shingles(one)
            entry[name] = sum(step.get_signature(shingles), []) if shingles.size else []
        yield entry


def clusters(rng):
    originals = [text(rng, 12) for _ in range(30)]
    texts = list(originals)
    for original in originals:
        texts.extend(changed(rng, original, rate) for rate in (0.01, 0.04, 0.08))
    rng.shuffle(texts)
    folder = Path(tempfile.mkdtemp())
    config = MinhashConfig()
    signer = MinhashDedupSignature(f"{folder}/signatures", config)
    signer.run([Document(text=one, id=str(at)) for at, one in enumerate(texts)], 0, 1)
    for bucket in range(config.num_buckets):
        pairs = MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/pairs", config=config)
        pairs.run(None, bucket, config.num_buckets)
    joined = MinhashDedupCluster(f"{folder}/pairs", f"{folder}/clusters", config, save_cluster_id=True)
    joined.run(None, 0, 1)
    found = [None] * len(texts)
    data = (folder / "clusters" / "000000.clusters").read_bytes()
    for document, cluster in struct.iter_unpack("<2I", data):
        found[document] = cluster
    words = [signer.word_tokenizer.word_tokenize(simplify_text(one)) for one in texts]
    return [{"words": one, "cluster": cluster} for one, cluster in zip(words, found)]


if __name__ == "__main__":
    rng = random.Random(7)
    golden = {"signatures": list(signatures(rng)), "documents": clusters(rng)}
    place = Path(__file__).with_name("datatrove.json")
    place.write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
