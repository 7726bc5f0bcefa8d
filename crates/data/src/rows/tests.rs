//! Rows of every kind of file, and every way in which a file is wrong.

use super::*;
use crate::error::DataError;
use crate::test_support::{folder, golden, golden_json, put};
use camino::Utf8Path;
use catena_corpus::{BadReason, TextBy};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::io::Write;

fn rows(path: &Utf8Path) -> Vec<(usize, Value)> {
    let set = read_rows(path, &RowLimits::default(), TextBy::File).unwrap();
    set.rows.into_iter().map(|row| (row.place.line, Value::Object(row.fields))).collect()
}

fn error(folder: &Utf8Path, path: &Utf8Path, limits: &RowLimits) -> String {
    let error = read_rows(path, limits, TextBy::File).unwrap_err();
    let hint = error.hint().unwrap_or("none");
    format!("{error}; hint: {hint}").replace(folder.as_str(), "DIR")
}

#[test]
fn json_in_all_its_spellings_gives_rows_with_their_lines() {
    let (_guard, dir) = folder();
    let two = [(1, json!({"a": 1})), (2, json!({"a": 2}))];
    assert_eq!(rows(&put(&dir, "l.jsonl", "{\"a\":1}\n{\"a\":2}\n\n")), two);
    assert_eq!(rows(&put(&dir, "l.json", "{\"a\":1}\n{\"a\":2}\n")), two);
    assert_eq!(rows(&put(&dir, "a.json", "[{\"a\":1},\n{\"a\":2}]")), two);
    let spread = "\u{FEFF}\n[\n  {\n    \"a\": 1\n  },\n  {\"a\": 2}\n]\n";
    let found: Vec<usize> = rows(&put(&dir, "s.json", spread)).iter().map(|row| row.0).collect();
    assert_eq!(found, [3, 6]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(b"{\"a\":1}\n{\"a\":2}\n").unwrap();
    assert_eq!(rows(&put(&dir, "z.jsonl.gz", gzip.finish().unwrap())), two);
}

#[test]
fn tables_give_the_rows_that_other_programs_wrote() {
    let expected = golden_json("table.json");
    let expected = expected.as_array().unwrap();
    let parquet: Vec<Value> =
        rows(&golden().join("table.parquet")).into_iter().map(|row| row.1).collect();
    assert_eq!(&parquet, expected);
    let csv = rows(&golden().join("table.csv"));
    assert_eq!(csv.len(), expected.len());
    for ((_, row), expected) in csv.iter().zip(expected) {
        assert_eq!(row["text"], expected["text"]);
        let label = row["label"].as_str().map(|text| text.parse::<i64>().unwrap());
        assert_eq!(label, expected["label"].as_i64());
        assert_eq!(
            row["flag"].as_str(),
            expected["flag"].as_bool().map(|flag| if flag { "True" } else { "False" })
        );
    }
    assert_eq!(csv.iter().map(|row| row.0).collect::<Vec<_>>(), [2, 3, 5, 6]);
    let (_guard, dir) = folder();
    let tsv = put(&dir, "t.tsv", "a\tb\n1,5\t\n");
    assert_eq!(rows(&tsv), [(2, json!({"a": "1,5", "b": null}))]);
}

#[test]
fn text_files_are_one_row_or_many() {
    let (_guard, dir) = folder();
    let file = put(&dir, "book.txt", "one\n\ntwo\n");
    assert_eq!(rows(&file), [(1, json!({"text": "one\n\ntwo\n"}))]);
    let lines = read_rows(&file, &RowLimits::default(), TextBy::Line).unwrap().rows;
    let lines: Vec<_> =
        lines.iter().map(|row| (row.place.line, row.fields["text"].clone())).collect();
    assert_eq!(lines, [(1, json!("one")), (3, json!("two"))]);
}

#[test]
fn a_folder_is_read_in_order_and_holds_one_kind() {
    let (_guard, dir) = folder();
    put(&dir, "b.jsonl", "{\"a\":2}");
    put(&dir, "a.jsonl", "{\"a\":1}");
    let set = read_rows(&dir, &RowLimits::default(), TextBy::File).unwrap();
    let found: Vec<_> =
        set.rows.iter().map(|row| (row.place.file, row.fields["a"].clone())).collect();
    assert_eq!(found, [(0, json!(1)), (1, json!(2))]);
    assert_eq!(set.files, [dir.join("a.jsonl"), dir.join("b.jsonl")]);
    put(&dir, "c.csv", "a\n3\n");
    insta::assert_snapshot!(error(&dir, &dir, &RowLimits::default()), @"DIR/a.jsonl and DIR/c.csv are of two kinds, and one data set has files of one kind; hint: keep one data set in one folder");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let (_guard, dir) = folder();
    let all = RowLimits::default();
    let say = |name: &str, bytes: &[u8]| error(&dir, &put(&dir, name, bytes), &all);
    insta::assert_snapshot!(error(&dir, &dir.join("none.json"), &all), @"there is no file or folder DIR/none.json; hint: check the path");
    insta::assert_snapshot!(say("a.jsonl", b"{\"a\":1}\n{\"a\":"), @"DIR/a.jsonl, line 2: not JSON: EOF while parsing a value at line 1 column 5; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say("b.jsonl", b"{\"a\":1}\n[1]"), @"DIR/b.jsonl, line 2: a row is a list, expected an object; hint: write each row as an object of named values");
    insta::assert_snapshot!(say("c.json", b"[{\"a\":1},\n{\"a\":2}"), @"DIR/c.json, line 2: not JSON: the file ends in the middle of a list; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say("d.json", b"[{\"a\":1}\n{\"a\":2}]"), @"DIR/d.json, line 2: not JSON: expected `,` or `]` behind a value of the list; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say("e.json", b"[{\"a\":1},\n\n{\"a\":\nx}]"), @"DIR/e.json, line 4: not JSON: expected value at line 2 column 1; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say("f.json", b"[{\"a\":1}] x"), @"DIR/f.json, line 1: not JSON: something follows the list; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say("g.json", b"\"text\""), @"DIR/g.json, line 1: a row is a text, expected an object; hint: write each row as an object of named values");
    insta::assert_snapshot!(say("h.json", b"[]"), @"DIR/h.json holds no rows; hint: add rows to the file");
    insta::assert_snapshot!(say("i.csv", b"a,b\n1,2\n1,2,3\n"), @"DIR/i.csv, line 3: a row of 3 fields below a header of 2; hint: quote values that hold commas, quotes or line ends");
    insta::assert_snapshot!(say("j.pdf", b"x"), @"DIR/j.pdf is of no known kind of data file (known: .json, .jsonl, .csv, .tsv, .txt, .md, .arrow, .parquet, each also with .gz or .zst); hint: convert the file to JSON Lines");
    insta::assert_snapshot!(say("k.parquet", b"PAR1PAR1"), @"cannot read DIR/k.parquet; hint: write or fetch the file again");
    insta::assert_snapshot!(say("l.jsonl", b"{\"a\":\"\xB7\"}"), @"DIR/l.jsonl, line 1: not UTF-8 text (first bad byte at offset 6); hint: convert the file, for example: iconv -f GB18030 -t UTF-8");
}

#[test]
fn the_files_of_a_folder_come_in_order_or_not_at_all() {
    let (_guard, dir) = folder();
    for name in ["b.jsonl", "a/z.jsonl", ".x/h.jsonl"] {
        put(&dir, name, "{\"a\":1}\n");
    }
    let files = data_files(&dir, &RowLimits::default()).unwrap();
    assert_eq!(files, [dir.join("a/z.jsonl"), dir.join("b.jsonl")]);
    let one = RowLimits { max_files: 1, ..RowLimits::default() };
    insta::assert_snapshot!(error(&dir, &dir, &one), @"DIR: number of files exceeds the limit of 1; hint: split the input into smaller files or sets");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let (_guard, dir) = folder();
    let name = std::ffi::OsStr::from_bytes(b"\xff.jsonl");
    std::fs::write(dir.as_std_path().join(name), "{}").unwrap();
    insta::assert_snapshot!(error(&dir, &dir, &RowLimits::default()), @"folder DIR holds a name that is not UTF-8; hint: rename the file");
}

#[test]
fn every_limit_holds() {
    let (_guard, dir) = folder();
    let file = put(&dir, "a.jsonl", "{\"a\":1}\n{\"a\":\"long\"}\n");
    let say = |limits: RowLimits| error(&dir, &file, &limits);
    let all = RowLimits::default;
    insta::assert_snapshot!(say(RowLimits { max_file_bytes: 9, ..all() }), @"DIR/a.jsonl: bytes of one file after decompression exceeds the limit of 9; hint: split the input into smaller files or sets");
    insta::assert_snapshot!(say(RowLimits { max_total_bytes: 9, ..all() }), @"DIR/a.jsonl: bytes of all rows exceeds the limit of 9; hint: split the input into smaller files or sets");
    insta::assert_snapshot!(say(RowLimits { max_row_bytes: 9, ..all() }), @"DIR/a.jsonl, line 2: it has 12 bytes, the limit is 9; hint: cut the row, or raise the limit");
    insta::assert_snapshot!(say(RowLimits { max_rows: 1, ..all() }), @"DIR/a.jsonl: number of rows exceeds the limit of 1; hint: split the input into smaller files or sets");
    let table = golden().join("table.parquet");
    let small = RowLimits { max_row_bytes: 30, ..all() };
    assert!(matches!(
        read_rows(&table, &small, TextBy::File),
        Err(DataError::BadRow { line: 1, reason: BadReason::TooLong { .. }, .. })
    ));
    let small = RowLimits { max_total_bytes: 60, ..all() };
    assert!(matches!(read_rows(&table, &small, TextBy::File), Err(DataError::TooLarge { .. })));
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep = put(&dir, "deep.json", format!("[{{\"a\":{deep}}}]"));
    assert!(matches!(
        read_rows(&deep, &all(), TextBy::File),
        Err(DataError::BadRow { reason: BadReason::NotJson { .. }, .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_files_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        name in prop::sample::select(vec!["table.parquet", "table.csv", "table.json"]),
    ) {
        let mut bytes = std::fs::read(golden().join(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let (_guard, dir) = folder();
        let _ = read_rows(&put(&dir, name, bytes), &RowLimits::default(), TextBy::Line);
    }

    #[test]
    fn what_is_written_is_read(texts in prop::collection::vec(".*", 1..6)) {
        let row = |text: &String| Map::from_iter([("t".to_owned(), Value::String(text.clone()))]);
        let expected: Vec<Value> = texts.iter().map(|text| Value::Object(row(text))).collect();
        let lines: Vec<String> = expected.iter().map(Value::to_string).collect();
        let (_guard, dir) = folder();
        let found = |path: &Utf8Path| rows(path).into_iter().map(|row| row.1).collect::<Vec<_>>();
        // Bytes that no text has are refused, even where JSON would escape them.
        prop_assert_eq!(&found(&put(&dir, "a.jsonl", lines.join("\n"))), &expected);
        let list = serde_json::to_string_pretty(&expected).unwrap();
        prop_assert_eq!(&found(&put(&dir, "a.json", list)), &expected);
    }
}
