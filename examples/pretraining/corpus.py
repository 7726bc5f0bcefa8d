"""Makes data/train.jsonl and data/held_out.jsonl from Debian's documentation packages.

    python3 corpus.py [MEGABYTES]

Downloads the packages below with apt-get (no root needed, nothing is installed), turns their HTML into
plain text, drops pages that occur twice, and writes one JSON object a page. Every twentieth page, by the
digest of its name, is held out. The same packages give the same bytes.
"""

import hashlib
import html.parser
import json
import re
import subprocess
import sys
from pathlib import Path

# Package, and the pages of it that are English prose.
PACKAGES = [
    ("debian-handbook", "usr/share/doc/debian-handbook/html/en-US/*.html"),
    ("debian-policy", "usr/share/doc/debian-policy/policy.html/*.html"),
    ("debian-reference-en", "usr/share/debian-reference/*.en.html"),
    ("developers-reference", "usr/share/developers-reference/*.html"),
    ("debmake-doc", "usr/share/doc/debmake-doc/html/*.en.html"),
    ("installation-guide-amd64", "usr/share/doc/installation-guide-amd64/en/*.html"),
    ("harden-doc", "usr/share/doc/harden-doc/html/en-US/*.html"),
    ("debian-faq", "usr/share/doc/debian/FAQ/*.en.html"),
    ("git-doc", "usr/share/doc/git/html/**/*.html"),
    ("apache2-doc", "usr/share/doc/apache2-doc/manual/en/**/*.html"),
    ("postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html/*.html"),
    ("python3.11-doc", "usr/share/doc/python3.11/html/**/*.html"),
]
SKIPPED = {"script", "style", "nav", "head", "header", "footer", "title", "noscript", "svg"}
BLOCKS = {
    "address", "article", "blockquote", "dd", "div", "dl", "dt", "figure", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "li", "ol", "p", "pre", "section", "table", "tbody", "thead", "tr", "ul", "br",
}  # fmt: skip
# What stands on every page of a package and says nothing.
BORING = re.compile(r"nav|footer|header|sidebar|toplang|related|breadcrumb|toc\b|headerlink|quickview")
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
LEAST_BYTES = 400


class Page(html.parser.HTMLParser):
    """The text of a page: blocks on lines of their own, preformatted text as it is."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts, self.title, self.open = [], "", []

    def handle_starttag(self, tag, attributes):
        marks = " ".join(value or "" for name, value in attributes if name in ("class", "id", "role"))
        if tag not in VOID:
            self.open.append((tag, tag in SKIPPED or bool(BORING.search(marks))))
        self.block(tag)

    def handle_endtag(self, tag):
        while tag not in VOID and any(name == tag for name, _ in self.open):
            if self.open.pop()[0] == tag:
                break
        self.block(tag)

    def block(self, tag):
        if tag in BLOCKS:
            self.parts.append(("\n", False))
        elif tag in ("td", "th"):
            self.parts.append((" ", False))

    def handle_data(self, data):
        if any(name == "title" for name, _ in self.open):
            self.title += data
        if not any(skipped for _, skipped in self.open):
            self.parts.append((data, any(name == "pre" for name, _ in self.open)))

    def text(self):
        text = "".join(
            data if kept or data == "\n" else re.sub(r"\s+", " ", data) for data, kept in self.parts
        )
        lines = [re.sub(r"[ \t]+$", "", line) for line in text.replace("\xa0", " ").split("\n")]
        lines = [line if line.startswith("  ") else line.strip() for line in lines]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def pages(package, pattern, folder):
    """Text of each page of a package, in the order of their names."""
    where = folder / package
    if not where.exists():
        subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
        (archive,) = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, where], check=True)
        print(f"{archive.name}", file=sys.stderr)
    for path in sorted(where.glob(pattern)):
        page = Page()
        page.feed(path.read_text("utf-8", errors="replace"))
        page.close()
        yield f"{package}/{path.relative_to(where)}", " ".join(page.title.split()), page.text()


def main(megabytes):
    data = Path(__file__).parent / "data"
    packages = data / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    seen, total = set(), 0
    files = {name: open(data / f"{name}.jsonl", "w", encoding="utf-8") for name in ("train", "held_out")}
    counts = dict.fromkeys(files, 0)
    for package, pattern in PACKAGES:
        before = total
        for name, title, text in pages(package, pattern, packages):
            digest = hashlib.sha256(text.encode()).hexdigest()
            size = len(text.encode())
            if size < LEAST_BYTES or digest in seen or total + size > megabytes * 1_000_000:
                continue
            seen.add(digest)
            total += size
            held_out = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 20 == 0
            part = "held_out" if held_out else "train"
            counts[part] += size
            row = {"id": name, "title": title, "content": text}
            files[part].write(json.dumps(row, ensure_ascii=False) + "\n")
        print(f"{package}: {(total - before) / 1e6:.2f} MB of text", file=sys.stderr)
    for name, size in counts.items():
        print(f"data/{name}.jsonl: {size / 1e6:.2f} MB of text")


main(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
