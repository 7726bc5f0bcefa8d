"""Writes the golden files of the module `source` with the tools named in PROVENANCE.

Run in this folder: python make.py
Bytes may differ between runs where a tool writes the time into its file; contents do not.
"""

import datetime
import gzip
import io
import json
import pathlib

import docx
import openpyxl
import pandas
import pptx
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import reportlab.rl_config
import zstandard
from ebooklib import epub
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

HERE = pathlib.Path(__file__).parent
ROWS = [
    {"id": f"r{n}", "text": text, "n": n, "score": n / 4, "flag": n % 2 == 0}
    for n, text in enumerate(
        [
            'He said "yes", then left.',
            "Two\nlines, one row.",
            "数据清洗是第一步。",
            "naïve café — “quoted”",
            "emoji 🙂 and tab\tinside",
        ]
    )
]


def put(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def tables():
    frame = pandas.DataFrame(ROWS)
    lines = frame.to_json(orient="records", lines=True, force_ascii=False)
    put("rows.jsonl", lines)
    put("ascii.jsonl", frame.to_json(orient="records", lines=True, force_ascii=True))
    halves = lines.encode().splitlines(keepends=True)
    gz = lambda data: gzip.compress(data, mtime=0)
    put("members.jsonl.gz", gz(b"".join(halves[:2])) + gz(b"".join(halves[2:])))
    zst = zstandard.ZstdCompressor().compress
    put("frames.jsonl.zst", zst(b"".join(halves[:3])) + zst(b"".join(halves[3:])))
    put("rows.json", frame.to_json(orient="records", indent=2, force_ascii=False))
    put("rows.csv", frame.to_csv(index=False))
    put("rows.tsv", frame.to_csv(index=False, sep="\t"))
    put("excel.csv", frame.to_csv(index=False, sep=";").encode("utf-16"))
    put("windows.csv", frame.drop(index=[2, 4]).to_csv(index=False, lineterminator="\r\n").encode("cp1252"))


def columnar():
    rich = {
        "id": [row["id"] for row in ROWS],
        "text": [row["text"] for row in ROWS],
        "big": pyarrow.array([2**40, None, -1, 0, 7]),
        "small": pyarrow.array([0.5, None, 1.25, -2.0, 0.0], pyarrow.float32()),
        "day": [datetime.date(2000, 2, 29), None, datetime.date(1969, 12, 31)] + [datetime.date(2026, 1, 1)] * 2,
        "at": pyarrow.array(
            [datetime.datetime(2021, 10, 16, 3, 4, 5, 678000), None] + [datetime.datetime(1950, 1, 1)] * 3,
            pyarrow.timestamp("us", "UTC"),
        ),
        "tags": [["a", "b"], [], None, ["c"], ["d", None]],
        "nest": [{"x": 1, "y": "z"}, None, {"x": None, "y": "q"}, {"x": 3, "y": ""}, {"x": 4, "y": "w"}],
        "kind": pyarrow.array(["p", "q", "p", None, "p"]).dictionary_encode(),
        "raw": pyarrow.array([b"ab", b"", None, "é".encode(), b"z"]),
    }
    table = pyarrow.table(rich)
    for name in ["snappy", "zstd", "gzip", "lz4"]:
        pyarrow.parquet.write_table(table, HERE / f"{name}.parquet", compression=name, row_group_size=2)
    large = table.set_column(1, "text", table["text"].cast(pyarrow.large_string()))
    pyarrow.parquet.write_table(large, HERE / "large.parquet")
    with pyarrow.ipc.new_file(HERE / "file.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    with pyarrow.ipc.new_stream(HERE / "stream.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    pyarrow.feather.write_feather(table, HERE / "lz4.feather", compression="lz4")
    plain = lambda value: value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else value
    expected = []
    for row in table.to_pylist():
        row["at"] = row["at"] and row["at"].strftime("%Y-%m-%dT%H:%M:%S") + (".678000" if row["at"].microsecond else "") + "Z"
        row["raw"] = None if row["raw"] is None else row["raw"].decode()
        expected.append({key: plain(value) for key, value in row.items()})
    put("columnar.expected.json", json.dumps(expected, ensure_ascii=False, indent=1))


def office():
    file = docx.Document()
    file.add_heading("Fees", 1)
    file.add_paragraph("The fee is ").add_run("12 €").bold = True
    file.add_paragraph("第二段。")
    table = file.add_table(rows=2, cols=2)
    for at, word in enumerate(["Name", "Price", "Tea", "3 & up"]):
        table.cell(at // 2, at % 2).text = word
    file.add_paragraph("The end.")
    file.save(HERE / "fees.docx")

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    sheet.append(["Name", "Price", "From", "Open"])
    sheet.append(["Tea", 3.5, datetime.date(2024, 2, 29), True])
    sheet.append(["Müsli", 12, datetime.datetime(2024, 3, 1, 13, 30), False])
    sheet["F4"] = "far"
    book.create_sheet("Empty")
    book.create_sheet("Notes").append(["one cell"])
    book.save(HERE / "prices.xlsx")

    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Opening"
    slide.placeholders[1].text = "First point\nSecond point"
    slide.notes_slide.notes_text_frame.text = "Say hello."
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Table"
    cells = slide.shapes.add_table(1, 2, 0, 0, 900000, 900000).table
    cells.cell(0, 0).text, cells.cell(0, 1).text = "left", "right"
    show.save(HERE / "show.pptx")

    novel = epub.EpubBook()
    novel.set_identifier("urn:x:1")
    novel.set_title("A Small Book")
    novel.set_language("en")
    novel.add_author("A. Writer")
    chapters = []
    for at, body in enumerate(
        [
            "<h1>One</h1><p>It was a <em>dark</em> night&#8212;\n very   dark.</p><p>And cold.</p>",
            "<h1>Two</h1><ul><li>first</li><li>second</li></ul><p>The&nbsp;end.<script>x()</script></p>",
        ]
    ):
        chapter = epub.EpubHtml(title=f"Chapter {at + 1}", file_name=f"text/c {at + 1}.xhtml")
        chapter.content = f"<html><body>{body}</body></html>"
        novel.add_item(chapter)
        chapters.append(chapter)
    novel.toc = chapters
    novel.add_item(epub.EpubNcx())
    novel.add_item(epub.EpubNav())
    novel.spine = ["nav", *chapters]
    epub.write_epub(HERE / "book.epub", novel)


def pdf():
    reportlab.rl_config.invariant = 1
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    page = canvas.Canvas(str(HERE / "pages.pdf"), pagesize=A4)
    page.setTitle("Two pages")
    page.setAuthor("A. Writer")
    text = page.beginText(72, 760)
    text.setFont("Helvetica", 12)
    for line in ["The first line of text,", "the second (with brackets)."]:
        text.textLine(line)
    text.moveCursor(0, 24)
    text.textLine("A new paragraph.")
    page.drawText(text)
    page.drawString(72, 600, "left")
    page.drawString(200, 600, "right")
    page.showPage()
    page.setFont("STSong-Light", 12)
    page.drawString(72, 760, "数据清洗")
    page.setFont("Vera", 12)
    page.drawString(72, 700, "naïve café")
    page.save()
    page = canvas.Canvas(str(HERE / "nothing.pdf"), pagesize=A4)
    page.rect(10, 10, 100, 100)
    page.save()
    page = canvas.Canvas(str(HERE / "secret.pdf"), pagesize=A4, encrypt="password")
    page.drawString(72, 700, "hidden")
    page.save()


def response(writer, url, headers, body, status="200 OK"):
    record = writer.create_warc_record(
        url,
        "response",
        payload=io.BytesIO(body),
        http_headers=StatusAndHeaders(status, headers, protocol="HTTP/1.1"),
        warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
    )
    record.rec_headers.replace_header("WARC-Record-ID", f"<urn:uuid:{url[-1] * 8}>")
    writer.write_record(record)


def archives():
    for name, gz in [("pages.warc", False), ("pages.warc.gz", True)]:
        with open(HERE / name, "wb") as out:
            writer = WARCWriter(out, gzip=gz)
            writer.write_record(writer.create_warcinfo_record(name, {"software": "test"}))
            html = "<html><body><p>caf\xe9</p></body></html>"
            response(writer, "http://x/1", [("Content-Type", "text/html; charset=iso-8859-1")], html.encode("latin-1"))
            gb = '<html><head><meta charset="gb2312"></head><body>数据</body></html>'
            response(writer, "http://x/2", [("Content-Type", "text/html")], gb.encode("gb2312"))
            zipped = gzip.compress("<p>zipped</p>".encode(), mtime=0)
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(zipped), zipped)
            headers = [("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]
            response(writer, "http://x/3", headers, chunked)
            response(writer, "http://x/4", [("Content-Type", "image/png")], b"\x89PNG")
            response(writer, "http://x/5", [("Content-Type", "text/html")], b"gone", "404 Not Found")
            record = writer.create_warc_record(
                "http://x/6",
                "conversion",
                payload=io.BytesIO("plain text".encode()),
                warc_content_type="text/plain",
                warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z", "WARC-Record-ID": "<urn:uuid:66666666>"},
            )
            writer.write_record(record)


def encodings():
    text = "数据清洗是训练语言模型的第一步，也是最重要的一步。坏数据教坏模型，好数据成就好模型。\n"
    lines = "".join(json.dumps({"id": n, "text": text}, ensure_ascii=False) + "\n" for n in range(3))
    put("gb18030.jsonl", lines.encode("gb18030"))
    put("utf16.jsonl", lines.encode("utf-16"))
    put("utf16be.txt", "Plain words in sixteen bits.\n".encode("utf-16-be"))
    put("big5.txt", "數據清洗是訓練語言模型的第一步，也是最重要的一步。".encode("big5"))
    latin = "Où est la bibliothèque ? Elle est fermée à Noël, hélas ; les élèves étaient déçus."
    put("latin1.txt", latin.encode("latin-1"))
    put("mixed.jsonl", b'{"text": "caf\xc3\xa9"}\n{"text": "caf\xe9"}\n{"text": "plain"}\n')


tables()
columnar()
office()
pdf()
archives()
encodings()
