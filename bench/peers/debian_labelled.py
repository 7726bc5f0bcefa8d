"""Sentences with their language, from the translations of the handbook, the reference, help and manuals.

A translation that is not finished holds English: sentences that stand in an English page too are left
out, and where a language has a script of its own most letters must be of it. What remains is labelled
by the folder that the translators put it in; a few wrong labels are to be expected.
"""

import hashlib
import json
import re
import unicodedata

SENTENCES = 200
LEAST_LANGUAGE = 60
_END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")
SCRIPTS = {"ar": "ARABIC", "fa": "ARABIC", "ru": "CYRILLIC", "uk": "CYRILLIC", "bg": "CYRILLIC", "sr": "CYRILLIC",
           "mk": "CYRILLIC", "el": "GREEK", "he": "HEBREW", "hi": "DEVANAGARI", "ja": "", "zh": "CJK",
           "ko": "HANGUL", "th": "THAI", "ta": "TAMIL", "ka": "GEORGIAN"}


def sentences_of(text, language):
    """Whole sentences of ordinary length that are mostly letters."""
    is_dense = language in ("zh", "ja", "ko")
    for piece in _END.split(text):
        piece = piece.strip(" -\t")
        letters = sum(map(str.isalpha, piece))
        if not (15 if is_dense else 40) <= len(piece) <= 300 or letters < 0.65 * len(piece):
            continue
        if piece[-1] in ".!?。！？" and in_script(piece, language, letters):
            yield piece


def in_script(piece, language, letters):
    script = SCRIPTS.get(language)
    if script is None:
        return True
    words = ("HIRAGANA", "KATAKANA") if language == "ja" else (script,)
    own = sum(unicodedata.name(sign, "").startswith(words) for sign in piece)
    return own > (0.2 if language == "ja" else 0.6) * letters


def write(pages, file, say):
    """At most SENTENCES of a language, chosen by hash; languages of few sentences are left out."""
    found, english = {}, set()
    for package, path, language, text in pages:
        for sentence in sentences_of(text, language):
            found.setdefault(language, {})[sentence] = None
            if language == "en":
                english.add(sentence)
    with open(file, "w", encoding="utf-8") as out:
        kept = {}
        for language, sentences in sorted(found.items()):
            own = [one for one in sentences if language == "en" or one not in english]
            own.sort(key=lambda one: hashlib.blake2b(one.encode()).digest())
            if len(own) >= LEAST_LANGUAGE:
                kept[language] = min(len(own), SENTENCES)
                for place, sentence in enumerate(own[:SENTENCES]):
                    out.write(json.dumps({"id": f"{language}-{place:03}", "language": language, "text": sentence},
                                         ensure_ascii=False) + "\n")
    say(f"{file.name}: {sum(kept.values())} sentences of {len(kept)} languages: {' '.join(kept)}")
