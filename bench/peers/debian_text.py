"""Text out of HTML, manual pages and plain files: simple, quick, and the same on every machine."""

import gzip
import html
import re
import zlib

# A file above this is data, not a page.
MAX_BYTES = 48 * 2**20
_CHARSET = re.compile(rb"charset=[\"']?([\w-]+)", re.I)
_BODY = re.compile(r"<body\b[^>]*>", re.I)
_UNSEEN = re.compile(
    r"<!--.*?-->|<(script|style|nav|svg|noscript|template|head|footer|form|select)\b.*?</\1\s*>", re.I | re.S)
_PRE = re.compile(r"<(pre|screen|programlisting|code mime)\b[^>]*>(.*?)</\1>", re.I | re.S)
_TAG = re.compile(r"<(/?[a-zA-Z][\w:.-]*)?[^>]*>")
# What stands in the place of a tag, by its name; nothing for all others.
_MARKS = {name: "\n- " for name in ("li", "listitem", "item")}
_MARKS |= {name: "\n" for name in ("br", "br/", "/tr", "/row", "dt", "/dt", "/li", "/option")}
_MARKS |= {name: " " for name in ("/td", "/th", "/entry")}
_MARKS |= {slash + name: "\n\n" for slash in ("", "/") for name in """
    p div h1 h2 h3 h4 h5 h6 title para section sect1 sect2 sect3 sect4 chapter table ul ol dl dd blockquote article
    hr caption variablelist term note figure main details summary page""".split()}
_MARKS |= {name.upper(): mark for name, mark in _MARKS.items()}
_ENDS = re.compile(r"[ \t\r\f\v\xa0]+\n")
_BLANKS = re.compile(r"\n{3,}")
_STARTS = re.compile(r"\n +")
_ITEM_GAP = re.compile(r"\n- \s+")


def decoded(data):
    """UTF-8 if it is, else the encoding that the page names, else Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = _CHARSET.search(data[:2048])
    try:
        return data.decode(found.group(1).decode()) if found else data.decode("latin-1")
    except (LookupError, UnicodeDecodeError):
        return data.decode("latin-1")


def tidy(text):
    """No blanks at line ends, at most one empty line, no control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _BLANKS.sub("\n\n", _ENDS.sub("\n", text)).strip()


def html_text(page):
    """Blocks become paragraphs and items lines with a dash; preformatted text keeps its lines."""
    if body := _BODY.search(page):
        page = page[body.end():]
    parts, end = [], 0
    page = _UNSEEN.sub(" ", page)
    for found in _PRE.finditer(page):
        parts += [flowing(page[end:found.start()]), "\n\n", _TAG.sub("", found.group(2)).strip("\n"), "\n\n"]
        end = found.end()
    parts.append(flowing(page[end:]))
    return tidy(html.unescape("".join(parts)))


def flowing(page):
    parts = _TAG.split(" ".join(page.split()))
    for at in range(1, len(parts), 2):
        parts[at] = _MARKS.get(parts[at], "")
    return _ITEM_GAP.sub("\n- ", _STARTS.sub("\n", "".join(parts)))


_FONT = re.compile(r"\\f(?:\[[^\]]*\]|\(..|.)|\\s[-+]?\d|\\[&/,|^%:c]|\\m\[[^\]]*\]")
_NAMED = {"aq": "'", "dq": '"', "lq": "“", "rq": "”", "oq": "‘", "cq": "’", "en": "–", "em": "—", "bu": "•",
          "co": "©", "mu": "×", "ti": "~", "ha": "^", "ga": "`", "rs": "\\", "hy": "-", "mi": "-", "->": "→",
          "<=": "≤", ">=": "≥", "Fo": "«", "Fc": "»", "12": "½", "ss": "ß", "tm": "™", "rg": "®"}
_GLYPH = re.compile(r"\\\[([^\]]*)\]|\\\((..)|\\\*\[([^\]]*)\]|\\\*\((..)|\\\*.")
_ROFF_BREAK = {"SH", "SS", "PP", "P", "LP", "TP", "IP", "HP", "Sh", "Ss", "Pp", "It", "sp", "TQ"}
_HEADING = {"SH", "SS", "Sh", "Ss"}
_ROFF_TEXT = {"B", "I", "BR", "RB", "IR", "RI", "BI", "IB", "SM", "SB", "SY", "OP", "UR", "MT", "Nm", "Fl",
              "Ar", "Xr", "Dv", "Er", "Fa", "Fn", "Ft", "In", "Pa", "Sq", "Dq", "Ql", "Em", "Sy", "Li", "Nd",
              "Op", "Cm", "Va", "Vt", "Ev", "Fd", "Ic", "Tn", "Ux", "Bx", "Aq", "Pq", "No"}


def _glyph(found):
    name = next((group for group in found.groups() if group), "")
    if re.fullmatch(r"u[0-9A-F]{4,6}", name):
        return chr(min(int(name[1:], 16), 0x10FFFF))
    return _NAMED.get(name, "")


def man_text(page):
    """A crude reading of manual pages: headings and paragraphs stand apart, the rest flows."""
    parts, kept_as_is = [], False
    for line in page.split("\n"):
        name = ""
        if line.startswith((".", "'")):
            name, _, line = line[1:].strip().partition(" ")
            if name in ("nf", "EX", "Bd", "fi", "EE", "Ed"):
                kept_as_is = name in ("nf", "EX", "Bd")
                parts.append("\n")
            if name in _ROFF_BREAK:
                parts.append("\n\n")
            if name not in _ROFF_TEXT and name not in _ROFF_BREAK:
                continue
            line = line.replace('"', "") if name not in ("PP", "P", "LP", "HP", "sp", "Pp", "TP", "TQ") else ""
        line = _GLYPH.sub(_glyph, _FONT.sub("", line))
        line = line.replace("\\-", "-").replace("\\e", "\\").replace("\\ ", " ").replace("\\", "")
        parts.append(line + ("\n\n" if name in _HEADING else "\n" if kept_as_is or not line else " "))
    return tidy("".join(parts))


_MAN = re.compile(r"/man/(?:[\w.@]+/)?man\d\w*/[^/]+\.\d\w*(?:\.gz)?$")
_PAGE = re.compile(r"\.(?:x?html?|page|docbook)(?:\.[a-z]{2}(?:[-_.][\w-]+)*)?(?:\.gz)?$", re.I)
_PLAIN = re.compile(r"\.(?:txt|pod|yaml|md|text)(?:\.gz)?$|\.dict\.dz$|/games/fortunes/(?:[\w-]+/)?[\w-]+$")
_SKIP = re.compile(r"/_sources/|/changelog|/copyright$|/NEWS|/(?:search|genindex|py-modindex)\b|/source-code/"
                   r"|\.js\.html$|-members\.html$|_source\.html$|\.rs\.html$|/lintian/|/fonts/|/searchindex", re.I)


def reader_of(path):
    """How the file of a package becomes text, or None if it is no page."""
    if _SKIP.search(path):
        return None
    if _MAN.search(path):
        return man_text
    if _PAGE.search(path):
        return html_text
    return tidy if _PLAIN.search(path) else None


def text_of(reader, path, data):
    """The page's text; empty where the bytes are not what the name promises."""
    if path.endswith((".gz", ".dz")):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return ""
    text = reader(decoded(data)) if b"\0" not in data[:4096] else ""
    if "/fortunes/" in path:
        text = tidy(text.replace("\n%\n", "\n\n"))
    return text
