//! Office files, books, PDF and web archives that other tools wrote.

use super::*;

fn only(name: &str) -> SourceDocument {
    let mut found = documents(&golden(name), &ReadOptions::default());
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

#[test]
fn a_text_document_has_its_paragraphs_and_tables() {
    let found = only("fees.docx");
    assert_eq!(found.text, "Fees\nThe fee is 12 €\n第二段。\nName\tPrice\nTea\t3 & up\nThe end.");
    assert_eq!(found.metadata["format"], "docx");
}

#[test]
fn a_workbook_has_a_document_for_each_sheet() {
    let found = documents(&golden("prices.xlsx"), &ReadOptions::default());
    let sheets: Vec<(&str, &Value)> =
        found.iter().map(|one| (one.text.as_str(), &one.metadata["sheet"])).collect();
    let prices = "Name\tPrice\tFrom\tOpen\nTea\t3.5\t2024-02-29\tTRUE\n\
        Müsli\t12\t2024-03-01 13:30:00\tFALSE\n\t\t\t\t\tfar";
    assert_eq!(sheets, [(prices, &Value::from("Prices")), ("one cell", &Value::from("Notes"))]);
    assert_eq!(found.iter().map(|one| one.place.row).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_presentation_has_its_slides_and_notes() {
    let expected = "Opening\nFirst point\nSecond point\n\nSay hello.\n\nTable\nleft\tright";
    assert_eq!(only("show.pptx").text, expected);
}

#[test]
fn a_book_has_its_chapters() {
    let found = only("book.epub");
    let expected = "One\n\nIt was a dark night— very dark.\n\nAnd cold.\n\n\
        Two\n\nfirst\nsecond\n\nThe\u{A0}end.";
    assert_eq!(found.text, expected);
    assert_eq!(found.metadata["title"], "A Small Book");
    assert_eq!(found.metadata["author"], "A. Writer");
    assert_eq!(found.metadata["language"], "en");
}

#[test]
fn a_pdf_has_its_lines_and_paragraphs() {
    let found = only("pages.pdf");
    let expected = "The first line of text,\nthe second (with brackets).\n\nA new paragraph.\n\n\
        left right\n\n数据清洗\n\nnaïve café";
    assert_eq!(found.text, expected);
    assert_eq!(found.metadata["title"], "Two pages");
    assert_eq!(found.metadata["pages"], 2);
}

#[test]
fn a_web_archive_has_its_pages() {
    for name in ["pages.warc", "pages.warc.gz"] {
        let found = documents(&golden(name), &ReadOptions::default());
        let pages: Vec<(&str, &str)> =
            found.iter().map(|one| (one.id.as_str(), one.text.as_str())).collect();
        let expected = [
            ("urn:uuid:11111111", "<html><body><p>café</p></body></html>"),
            (
                "urn:uuid:22222222",
                "<html><head><meta charset=\"gb2312\"></head><body>数据</body></html>",
            ),
            ("urn:uuid:33333333", "<p>zipped</p>"),
            ("urn:uuid:66666666", "plain text"),
        ];
        assert_eq!(pages, expected, "{name}");
        assert_eq!(found[0].metadata["url"], "http://x/1");
        assert_eq!(found[0].metadata["date"], "2024-05-06T07:08:09Z");
        assert_eq!(found[0].markup, Some(Markup::Html));
        assert!(!found[0].metadata.contains_key("format"));
        assert_eq!(found[3].markup, None);
    }
}

#[test]
fn what_holds_no_text_or_is_locked_is_said() {
    let all = ReadOptions::default();
    let nothing = said(&golden("nothing.pdf"), &all);
    assert_eq!(nothing, ["nothing.pdf:1: BAD empty: there is no text in it"]);
    let secret = said(&golden("secret.pdf"), &all);
    assert_eq!(secret, ["secret.pdf:1: BAD encrypted: protected by a password"]);
    let locked = said_of("x.docx", &[0xD0, 0xCF, 0x11, 0xE0, 0, 0]);
    assert_eq!(locked, ["x.docx:1: BAD encrypted: protected by a password"]);
}
