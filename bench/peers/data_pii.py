"""Personal data found by rules: megabytes of text per second, each with what it looks for by itself, and how much of
what is labelled in our sentences it finds."""

from importlib.metadata import version

import data_pii_labelled as labelled
from common import texts_of, timed

CELL = "data/pii"
FIRST = "The first call loads what is loaded late: someone@example.org."


def datatrove():
    """E-mail and public IP addresses, the only two it knows."""
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()
    return formatter.format, f"{version('datatrove')}, e-mail and IP"


def presidio():
    """Its recognizers by pattern for English, without the model for names."""
    from presidio_analyzer import PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    used = [one for one in registry.recognizers if isinstance(one, (PatternRecognizer, PhoneRecognizer))]

    def find(text):
        return [found for one in used for found in one.analyze(text, one.supported_entities, None)]

    return find, f"{version('presidio-analyzer')}, {len(used)} recognizers by pattern"


def scrubadub():
    """Its default detectors."""
    import scrubadub

    scrubber = scrubadub.Scrubber()
    return scrubber.clean, f"{version('scrubadub')}, {', '.join(sorted(scrubber._detectors))}"


PEERS = {"DataTrove": datatrove, "Presidio": presidio, "scrubadub": scrubadub}
LABELLED = {"DataTrove": labelled.datatrove, "Presidio": labelled.presidio, "scrubadub": labelled.scrubber}


def measure(corpus, limit_s):
    """Each peer for its share of the time, over the documents from the beginning."""
    results = {"versions": {}, "peers": {}, "notes": []}
    for name, make in PEERS.items():
        try:
            work, words = make()
            done, size, seconds = timed(work, texts_of(corpus), limit_s / len(PEERS), FIRST)
            kinds, find, _ = LABELLED[name]()
            quality = labelled.quality(kinds, find)
        except Exception as error:
            results["notes"].append(f"{name} fails: {type(error).__name__}: {error}"[:300])
            continue
        results["versions"][name] = words
        results["peers"][name] = {CELL: size / 1e6 / seconds}
        results["notes"].append(f"{name}: {done} documents, {size / 1e6:.2f} MB in {seconds:.1f} s")
        results["peers"][name] |= {f"{CELL}/precision": quality["precision"], f"{CELL}/recall": quality["recall_of_all"]}
        results["notes"].append(f"{name}: recall of its own {len(kinds)} kinds {quality['recall_of_its_kinds']}")
    return results
