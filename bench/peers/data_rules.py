"""DataTrove's Gopher, C4 and FineWeb filters: their speed, and their decision on every document."""

import json
import multiprocessing
import time
from copy import copy
from functools import partial
from importlib.metadata import version

CELL = "data/rules"
PEER = "DataTrove"
# Documents of a chunk of decisions; the order of the output is that of the input.
CHUNK = 200


def filters():
    """The pipeline of the measurement, in its order."""
    from datatrove.pipeline.filters import (C4QualityFilter, FineWebQualityFilter, GopherQualityFilter,
                                            GopherRepetitionFilter)

    return {"gopher-repetition": GopherRepetitionFilter(), "gopher-quality": GopherQualityFilter(),
            "c4": C4QualityFilter(), "fineweb": FineWebQualityFilter()}


def measure(corpus, limit_s):
    """Megabytes of text per second, one process: the four in a row, and each alone."""
    from datatrove.data import Document

    texts = read(corpus, "text")
    warm = [Document(text=text, id="") for text in texts[:20]]
    for step in filters().values():
        list(step.run(copies(warm)))
    cells, notes = {}, []
    for name in ["all", *filters()]:
        steps = list(filters().values()) if name == "all" else [filters()[name]]
        done, seconds, kept = timed(steps, texts, limit_s / 5)
        size = sum(len(text.encode()) for text in texts[:done])
        cell = CELL if name == "all" else f"{CELL}/{name}"
        cells[cell] = size / 1e6 / seconds
        if name == "all":
            cells[f"{CELL}/documents"] = done / seconds
        notes.append(f"{name}: {done} documents, {size / 1e6:.1f} MB in {seconds:.1f} s, {kept} kept")
    return {"versions": {PEER: versions()}, "peers": {PEER: cells}, "notes": notes}


def versions():
    return f"{version('datatrove')}, spaCy {version('spacy')}, one process"


def timed(steps, texts, limit_s):
    """Runs the pipeline over the documents until the time is over."""
    from datatrove.data import Document

    count = 0

    def documents():
        nonlocal count
        for text in texts:
            if time.perf_counter() - began > limit_s:
                return
            count += 1
            yield Document(text=text, id=str(count))

    began = time.perf_counter()
    stream = documents()
    for step in steps:
        stream = step.run(stream)
    kept = sum(1 for _ in stream)
    return count, time.perf_counter() - began, kept


def copies(documents):
    return (copy(document) for document in documents)


def read(corpus, field, limit=None):
    found = []
    with open(corpus, encoding="utf-8") as lines:
        for line in lines:
            found.append(json.loads(line)[field])
            if len(found) == limit:
                break
    return found


class EnoughSentences:
    """Counts the sentences of C4's lines up to the five that its filter asks for, and no further."""

    def __init__(self, split):
        self.split, self.count = split, 0

    def __call__(self, line, language):
        if self.count >= 5:
            return []
        found = self.split(line, language)
        self.count += len(found)
        return found


def quicken():
    """Leaves out work that changes no decision; the measurement does not use this.

    DataTrove forgets spaCy's vocabulary after every text, and splits sentences where only words are asked
    for. `--plain` leaves it as it is, to compare.
    """
    from datatrove.pipeline.filters import c4_filters
    from datatrove.utils.word_tokenizers import SpaCyTokenizer, strip_strings

    slow = SpaCyTokenizer.word_tokenize

    def word_tokenize(self, text):
        self.tokenizer.max_length = len(text) + 10
        try:
            return strip_strings([token.text for token in self.tokenizer.tokenizer(text)])
        except Exception:
            return slow(self, text)

    SpaCyTokenizer.word_tokenize = word_tokenize
    c4_filters.split_into_sentences = EnoughSentences(c4_filters.split_into_sentences)
    return c4_filters.split_into_sentences


_steps = {}


def decisions(plain):
    """The filters of a process, made once."""
    from datatrove.pipeline.filters import C4QualityFilter

    if not _steps:
        found = filters()
        _steps["counter"] = None if plain else quicken()
        _steps["filters"] = {
            "gopher_quality": found["gopher-quality"], "gopher_repetition": found["gopher-repetition"],
            "c4": found["c4"], "c4_fineweb": C4QualityFilter(filter_no_terminal_punct=False),
            "fineweb": found["fineweb"]}
    return _steps["filters"], _steps["counter"]


def decide(line, plain=False):
    """What every filter alone says of the original text: true, or the reason."""
    from datatrove.data import Document

    steps, counter = decisions(plain)
    record = json.loads(line)
    answers = {"id": record["id"]}
    for name, step in steps.items():
        if counter:
            counter.count = 0
        try:
            answer = step.filter(Document(text=record["text"], id=record["id"]))
        except Exception as error:
            answer = (False, f"error: {type(error).__name__}: {error}"[:200])
        answers[name] = answer if isinstance(answer, bool) else answer[1]
    return json.dumps(answers, ensure_ascii=False)


def write_decisions(corpus, file, plain=False, processes=2):
    """One line per document of the corpus."""
    with open(corpus, encoding="utf-8") as lines, open(file, "w", encoding="utf-8") as out, \
            multiprocessing.Pool(processes) as pool:
        for decision in pool.imap(partial(decide, plain=plain), lines, CHUNK):
            out.write(decision + "\n")
