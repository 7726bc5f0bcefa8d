//! Tables and lines that other tools wrote.

use super::*;

const TEXTS: [&str; 5] = [
    "He said \"yes\", then left.",
    "Two\nlines, one row.",
    "数据清洗是第一步。",
    "naïve café — “quoted”",
    "emoji 🙂 and tab\tinside",
];

#[test]
fn rows_are_the_same_from_every_format_and_compression() {
    let names = [
        "rows.jsonl",
        "ascii.jsonl",
        "members.jsonl.gz",
        "frames.jsonl.zst",
        "rows.json",
        "rows.csv",
        "rows.tsv",
        "excel.csv",
    ];
    for name in names {
        let found = documents(&golden(name), &ReadOptions::default());
        let texts: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(texts, TEXTS, "{name}");
        let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["r0", "r1", "r2", "r3", "r4"], "{name}");
        assert!(found.iter().all(|one| one.source == name), "{name}");
        let keys: Vec<&String> = found[0].metadata.keys().collect();
        assert_eq!(keys, ["n", "score", "flag"], "{name}");
    }
    let found = documents(&golden("rows.jsonl"), &ReadOptions::default());
    assert_eq!(
        Value::Object(found[3].metadata.clone()).to_string(),
        r#"{"n":3,"score":0.75,"flag":false}"#
    );
}

#[test]
fn lines_are_counted_where_rows_span_them() {
    let rows = |name: &str| -> Vec<u64> {
        let found = documents(&golden(name), &ReadOptions::default());
        found.iter().map(|one| one.place.row).collect()
    };
    assert_eq!(rows("rows.jsonl"), [1, 2, 3, 4, 5]);
    assert_eq!(rows("rows.csv"), [2, 3, 5, 6, 7]);
    assert_eq!(rows("rows.json"), [2, 9, 16, 23, 30]);
    assert_eq!(rows("zstd.parquet"), [1, 2, 3, 4, 5]);
    assert_eq!(rows("windows.csv"), [2, 3, 5]);
}

#[test]
fn columnar_files_hold_what_pyarrow_says() {
    let expected = std::fs::read_to_string(golden("columnar.expected.json")).unwrap();
    let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    let names = [
        "snappy.parquet",
        "zstd.parquet",
        "gzip.parquet",
        "lz4.parquet",
        "large.parquet",
        "file.arrow",
        "stream.arrow",
        "lz4.feather",
    ];
    for name in names {
        let options = ReadOptions::default();
        let shards = plan_shards(&[golden(name)], &options).unwrap();
        let parts = if name.contains("parquet") && name != "large.parquet" { 3 } else { 1 };
        assert_eq!(shards.len(), parts, "{name}");
        let rows = shards.iter().flat_map(|shard| shard.open_fields(&options).unwrap());
        let rows: Vec<Value> =
            rows.map(|row| Value::Object(row.unwrap().unwrap().fields)).collect();
        assert_eq!(rows, expected, "{name}");
    }
}

#[test]
fn encodings_are_told_apart() {
    let chinese =
        "数据清洗是训练语言模型的第一步，也是最重要的一步。坏数据教坏模型，好数据成就好模型。\n";
    for name in ["gb18030.jsonl", "utf16.jsonl"] {
        assert_eq!(texts(&golden(name)), [chinese; 3], "{name}");
    }
    assert_eq!(texts(&golden("utf16be.txt")), ["Plain words in sixteen bits.\n"]);
    assert_eq!(texts(&golden("big5.txt")), ["數據清洗是訓練語言模型的第一步，也是最重要的一步。"]);
    let french =
        "Où est la bibliothèque ? Elle est fermée à Noël, hélas ; les élèves étaient déçus.";
    assert_eq!(texts(&golden("latin1.txt")), [french]);
    let windows = texts(&golden("windows.csv"));
    assert_eq!(windows[2], "naïve café — “quoted”");
    let options = ReadOptions { encoding: Some("latin1".to_owned()), ..ReadOptions::default() };
    assert_eq!(documents(&golden("latin1.txt"), &options)[0].text, french);
    let unknown = ReadOptions { encoding: Some("klingon".to_owned()), ..ReadOptions::default() };
    let error = plan_shards(&[golden("latin1.txt")], &unknown).unwrap_err();
    assert_eq!(error.to_string(), "there is no encoding `klingon`");
}

#[test]
fn text_is_read_whole_or_by_lines_or_by_paragraphs() {
    let folder = folder(&[("a.txt", b"one\r\ntwo\r\n\r\n \nthree\n"), ("b.md", b"# T\n\nx")]);
    let by = |name: &str, text_by| {
        said(&path(&folder, name), &ReadOptions { text_by, ..ReadOptions::default() })
    };
    assert_eq!(by("a.txt", TextBy::File), ["a.txt:1: one\r\ntwo\r\n\r\n \nthree\n"]);
    assert_eq!(by("a.txt", TextBy::Line), ["a.txt:1: one", "a.txt:2: two", "a.txt:5: three"]);
    assert_eq!(by("a.txt", TextBy::Paragraph), ["a.txt:1: one\ntwo", "a.txt:5: three"]);
    let found = documents(&path(&folder, "b.md"), &ReadOptions::default());
    assert_eq!(found[0].markup, Some(Markup::Markdown));
    assert!(found[0].metadata.is_empty(), "{:?}", found[0].metadata);
}

#[test]
fn json_is_read_in_all_its_spellings() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(said_of("x.json", text.as_bytes()), expected, "{text}");
    };
    check("[{\"text\":\"a\"},\n{\"text\":\"b\"}]", &["x.json:1: a", "x.json:2: b"]);
    check("{\"text\":\"a\"}\n{\"text\":\"b\"} ", &["x.json:1: a", "x.json:2: b"]);
    check("\u{FEFF}[ {\"text\":\"]},\\\"{[\"} ]", &["x.json:1: ]},\"{["]);
    check("[]", &[]);
    check("", &[]);
    check("{\n\"text\":\n\"a\"\n}", &["x.json:1: a"]);
}

#[test]
fn a_column_is_named_for_files_that_have_columns() {
    let folder = folder(&[("a.txt", b"plain"), ("b.jsonl", b"{\"text\":\"x\",\"answer\":\"y\"}")]);
    let options = ReadOptions { text_column: Some("answer".to_owned()), ..ReadOptions::default() };
    assert_eq!(said(&path(&folder, ""), &options), ["a.txt:1: plain", "b.jsonl:1: y"]);
}
