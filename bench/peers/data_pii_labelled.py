"""Personal data: DataTrove's formatter, Presidio's patterns and scrubadub on the labelled sentences.

    python data_pii_labelled.py [TEXT_FILE ...]

Needs datatrove, presidio-analyzer and scrubadub in the interpreter's environment; no language
model. Prints a JSON line per peer: precision and recall over the kinds that the peer knows, recall
over all kinds, and MB/s on every text file. A match counts where it overlaps a span of its kind,
which is kinder to the peers than our own tests are to us: those want the very same ends."""

import importlib.metadata
import json
import re
import sys
import time
from pathlib import Path

SENTENCES = Path(__file__).parents[2] / "crates/corpus/tests/golden/pii/sentences.jsonl"
# Bytes of a text file that are read.
LIMIT = 1 << 20
# Bytes of a text handed over at once, as documents come.
DOCUMENT = 4000


def rows():
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        data = row["text"].encode()
        spans = [
            (len(data[: s["start"]].decode()), len(data[: s["end"]].decode()), s["kind"])
            for s in row["spans"]
        ]
        yield row["text"], spans


def datatrove():
    from datatrove.pipeline.formatters.pii import PIIFormatter

    formatter = PIIFormatter()
    replacers = {"email": formatter.emails_replacer, "ip_address": formatter.ip_replacer}

    def find(text):
        for kind, replacer in replacers.items():
            for found in replacer.regex.finditer(text):
                if not replacer.validator or replacer.validator(found.group(0)):
                    yield found.start(), found.end(), kind

    return set(replacers), find, lambda text: formatter.format(text)


def presidio():
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NlpArtifacts

    kinds = {
        "CreditCardRecognizer": "bank_card",
        "EmailRecognizer": "email",
        "IbanRecognizer": "iban",
        "IpRecognizer": "ip_address",
        "PhoneRecognizer": "phone",
        "UsSsnRecognizer": "social_security",
        "UsPassportRecognizer": "passport",
    }
    recognizers = [(getattr(known, name)(), kind) for name, kind in kinds.items()]
    artifacts = NlpArtifacts([], [], [], [], None, "en")

    # The default threshold of its anonymizer service; weak patterns stay below without context.
    def find(text, least=0.35):
        for recognizer, kind in recognizers:
            entities = recognizer.supported_entities
            for found in recognizer.analyze(text, entities, artifacts) or []:
                if found.score >= least:
                    yield found.start, found.end, kind

    return set(kinds.values()), find, lambda text: list(find(text))


def scrubber():
    import scrubadub

    names = {
        "email": "email",
        "phone": "phone",
        "credit_card": "bank_card",
        "social_security_number": "social_security",
        "credential": "password",
    }
    cleaner = scrubadub.Scrubber(locale="en_US")

    def find(text):
        for found in cleaner.iter_filth(text):
            parts = getattr(found, "filths", [found])
            for part in parts:
                if part.type in names:
                    yield part.beg, part.end, names[part.type]

    return set(names.values()), find, lambda text: cleaner.clean(text)


def quality(kinds, find):
    right = missed = wrong = others = 0
    for text, spans in rows():
        found = list(dict.fromkeys(find(text)))
        overlaps = lambda a, b: a[2] == b[2] and a[0] < b[1] and b[0] < a[1]
        for span in spans:
            hit = any(overlaps(span, one) for one in found)
            right += hit
            missed += not hit and span[2] in kinds
            others += span[2] not in kinds
        wrong += sum(not any(overlaps(one, span) for span in spans) for one in found)
    return {
        "precision": round(right / max(right + wrong, 1), 4),
        "recall_of_its_kinds": round(right / max(right + missed, 1), 4),
        "recall_of_all": round(right / (right + missed + others), 4),
    }


def speed(run, path):
    text = Path(path).read_bytes()[:LIMIT].decode("utf-8", "ignore")
    parts = [text[at : at + DOCUMENT] for at in range(0, len(text), DOCUMENT)]
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for part in parts:
            run(part)
        best = min(best, time.perf_counter() - began)
        if best > 20:
            break
    return round(len(text.encode()) / 1e6 / best, 4)


def main():
    for package, make in (
        ("datatrove", datatrove),
        ("presidio-analyzer", presidio),
        ("scrubadub", scrubber),
    ):
        try:
            kinds, find, run = make()
        except ImportError as error:
            print(json.dumps({"peer": package, "absent": re.sub(r"\s+", " ", str(error))}))
            continue
        figures = {"peer": package, "version": importlib.metadata.version(package)}
        figures |= quality(kinds, find)
        figures["mb_per_s"] = {Path(path).name: speed(run, path) for path in sys.argv[1:]}
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
