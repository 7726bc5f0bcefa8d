"""Makes the golden file of `repair`: damaged strings, and what ftfy makes of them.

Run beside the golden file of `language`, whose sentences it damages:
    python make.py
"""

import json
import pathlib
import random

import ftfy
import ftfy.bad_codecs

HERE = pathlib.Path(__file__).parent
SENTENCES = HERE.parent / "language" / "sentences.json"

FILES = {
    "fra", "deu_1996", "spa", "por_BR", "pol", "ces", "rus", "ell_monotonic", "tur", "cmn_hans",
    "jpn", "kor", "arb", "heb", "hin", "vie", "lit", "hun", "ukr", "swe",
}
CODECS = ["sloppy-windows-1252"] * 3 + [
    "latin-1", "sloppy-windows-1251", "sloppy-windows-1250", "sloppy-windows-1253",
    "sloppy-windows-1254", "sloppy-windows-1257", "macroman", "cp437", "iso-8859-2",
]

# Sound strings that are damaged below like the sentences.
SOUND = [
    "“curly” quotes — and a dash… ‘ok’",
    "naïve café, 20 °C",
    "emoji 😀 and 👍🏽",
    "l’été à la plage",
    "voilà le travail",
    "Price: £5 €10 ¥3",
    "½ cup © 2020 Acme™",
    "Ångström & Björk",
    "«guillemets»",
    "a\xa0b\xa0c",
    "schön — “ja”",
    "São Paulo é bom",
    "перевод «текста» — да",
    "日本語「テスト」です",
    "中文“测试”——好的",
]

# Strings that are taken as they stand.
SPECIAL = [
    "&lt;b&gt; &amp; &eacute; &EACUTE; &NTILDE; &nTILDE; &SZLIG;",
    "a < b &amp; c",
    "P&EACUTE;REZ &#233; &#x2014; &#150; &#0; &#1114112; &#12a; &#xD800; &#127;",
    "&notanentity; &copy &copy; &GTDOT; &AMP;",
    "x &amp;lt; y",
    "\x1b[36;44mblue\x1b[0m text \x1b[1mbold\x1b[m",
    "ﬂuﬃeﬆ ﬁn ĳs Ǆ",
    "bell\x07 nul\x00 del\x7f bom\ufeff x",
    "\ufeffstart",
    "c1 \x85 \x93quoted\x94 \x80 5",
    "what is this \x85",
    "this is \x91fine\x92",
    "(à la carte) Ã la carte",
    "Ã quelque chose",
    "D\xc3\xa9 j\xc3\xa0 vu",
    "\xe2\x80\x99s",
    "I\xe2\u20ac\u2122m fine \xe2\u20ac\u201d really \xe2\u20ac\u0153ok\u201d \xe2\u20ac\x9d",
    "ï»¿BOM",
    "√© MacRoman? √†",
    "ðŸ˜€ smile",
    "Â£5 and Â© 2010",
    "broken \xe2\u20ac\ufffd quote",
    "ГўВЂВњtext",
    "РџСЂРёРІРµС‚",
    "β€™s",
    "café à l'heure",
    "\ufffd lost \ufffd",
    "ØªØ³Øª Ù†Øµ",
    "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\u20ac",
    "Å¼Ã³Å‚Ä‡",
    "line one \xe2\u20ac\u201c x\nline < two \xe2\u20ac\u201c &amp; y\nline &amp; three",
    "hÃ¤llo &auml; wÃ¶rld",
    "¿Qué? ¡Sí! Ñandú",
    "x² + y³ × 2 ÷ 3",
    "Œuvre œ",
    "20°C–30°C",
    "│ box │ ┌─┐",
    "ＬＯＵＤ\u3000ＮＯＩＳＥＳ stays",
    "“quotes” stay",
    "\xad soft",
    "a\u200bb",
    "surrogate-free 𝒥",
    "\x1b alone",
    "\x1b[12x",
    "L&AMP;&ATILDE;&SUP3;PEZ",
]


def damaged(text):
    """A sound text after some accidents."""
    codec = random.choice(CODECS)
    try:
        wrong = text.encode("utf-8").decode(codec)
    except UnicodeDecodeError:
        return
    yield wrong
    if random.random() < 0.3:
        try:
            yield wrong.encode("utf-8").decode("sloppy-windows-1252")
        except UnicodeDecodeError:
            pass
    if random.random() < 0.15:
        yield f"{text} | {wrong}"
    if random.random() < 0.15:
        yield wrong.replace("\u00a0", " ")
    if random.random() < 0.15:
        yield text.encode("utf-8").decode("windows-1252", "replace")


def main():
    random.seed(5)
    rows = [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"][:60] for row in rows if row["file"] in FILES]
    texts = random.sample(texts, 50) + SOUND
    strings = [text for text in texts if random.random() < 0.3] + SPECIAL
    for text in texts:
        strings.extend(damaged(text))
    # White space, wide forms and quotes are not repaired by default.
    config = ftfy.TextFixerConfig(
        uncurl_quotes=False, fix_character_width=False, fix_line_breaks=False, normalization=None
    )
    with open(HERE / "ftfy.jsonl", "w", encoding="utf-8") as file:
        for text in dict.fromkeys(strings):
            file.write(json.dumps([text, ftfy.fix_text(text, config)]) + "\n")


main()
