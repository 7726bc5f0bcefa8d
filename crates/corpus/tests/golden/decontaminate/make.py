"""Writes decontaminate.json: what DataTrove's n-gram decontamination says of a small set.

The filter itself runs, over an index built by its own indexer's `compute_hashes`; only the
download of tasks is left out. Beside each verdict stand the words that DataTrove's word
tokenizer (spaCy) found, because the filter compares those.
"""

import json
import pathlib
import random
import sys
import tempfile

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter, NGramsDecontIndexer
from datatrove.utils.text import simplify_text

NGramsDecontIndexer._requires_dependencies = []
WORDS = (
    "river stone garden don't 1,234.50 Café naïve “quoted” it's 7km (see) below: high-speed trains "
    "cannot stop; e.g. U.S. law, 50% of all $3.99 items — said Ängström — were sold… gonna Monday "
    "who'll they've 1|2|3 x²+y² № ½ co-operate Ελλάς ΟΔΟΣ مرحبا ٣٤٫٥ İstanbul ﬁne"
).split()
NORMALIZED = [
    "Hello, World! 3.14 is π.", "a1b22.5c  d", "1|2|3", "1.2.3.4", "Ünïcödé éàü", "ΟΔΟΣ. Σ'Σ",
    "「引用」和《书》", "tab\tnew\nline\r\nend", "\u2003wide\u00a0space\u3000x", "٣٤٫٥ and １２，３",
    "x\u0301\u0302 \u0301", "ABC-DEF_ghi", "…—–", "", " ", "हिन्दी भाषा", "½ ² Ⅷ", "\u037e\u1fef",
    "zero\u200bwidth\ufeffmark", "ǅ ß ŉ İ", "it’s “so” ‘it’",
]


def text(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def main(folder):
    rng = random.Random(7)
    config = NGramsDecontConfig()
    with tempfile.TemporaryDirectory() as index_folder:
        indexer = NGramsDecontIndexer(index_folder, config=config)
        words = lambda raw: indexer.tokenizer.word_tokenize(simplify_text(raw, config.norm_config))
        items, hashes = [], {}
        for number in range(12):
            benchmark = f"task{number % 3}"
            query, answer = text(rng, rng.randint(3, 30)), text(rng, rng.randint(1, 25))
            items.append({"benchmark": benchmark, "query": query, "text": answer,
                          "query_words": words(query), "text_words": words(answer)})
            hashes.setdefault(benchmark, set()).update(indexer.compute_hashes(answer, query))
        for name, of_task in hashes.items():
            np.array(sorted(of_task), dtype=np.uint64).tofile(f"{index_folder}/{name}.index.hashes")
        check = NGramsDecontFilter(index_folder, config=config)
        documents = []
        for number in range(80):
            body = text(rng, rng.randint(0, 30))
            item = items[rng.randrange(len(items))]
            whole = (item["query"] + " " + item["text"]).split(" ")
            start = rng.randrange(len(whole))
            piece = " ".join(whole[start:start + rng.randint(5, 40)])
            raw = f"{body} {piece} {text(rng, 5)}" if number % 4 else body
            raw = raw.upper() if number % 7 == 1 else raw
            document = Document(text=raw, id=str(number))
            kept = check.filter(document)
            documents.append({"text": raw, "words": words(raw), "clean": kept is True,
                              "ngram": document.metadata.get("contaminated_ngram"),
                              "benchmark": document.metadata.get("contaminated_task")})
    golden = {"normalized": [[raw, simplify_text(raw)] for raw in NORMALIZED],
              "items": items, "documents": documents}
    path = pathlib.Path(folder) / "decontaminate.json"
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(sum(not one["clean"] for one in documents), "of", len(documents), "contaminated")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
