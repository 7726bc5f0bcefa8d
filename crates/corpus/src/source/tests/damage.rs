//! Damaged files of every format are read to their end without a panic, and always the same.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 20] = [
    "rows.jsonl",
    "members.jsonl.gz",
    "frames.jsonl.zst",
    "rows.json",
    "rows.csv",
    "excel.csv",
    "utf16.jsonl",
    "gb18030.jsonl",
    "big5.txt",
    "zstd.parquet",
    "snappy.parquet",
    "file.arrow",
    "stream.arrow",
    "lz4.feather",
    "fees.docx",
    "prices.xlsx",
    "show.pptx",
    "book.epub",
    "pages.pdf",
    "pages.warc",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_files_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        let mut bytes = std::fs::read(golden(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        let folder = folder(&[(name, &bytes)]);
        let first = said(&path(&folder, name), &ReadOptions::default());
        prop_assert_eq!(first, said(&path(&folder, name), &ReadOptions::default()));
    }

    #[test]
    fn any_bytes_are_read_as_any_format(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        name in prop::sample::select(NAMES.to_vec()),
    ) {
        let folder = folder(&[(name, &bytes)]);
        let rows = read(&path(&folder, name), &ReadOptions::default());
        prop_assert!(rows.len() <= 401);
    }

    #[test]
    fn json_that_is_written_is_read(texts in prop::collection::vec(".*\\PC.*", 1..6)) {
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
        let rows: Vec<Value> = texts.iter().map(|text| serde_json::json!({"text": text})).collect();
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        let pretty = serde_json::to_string_pretty(&rows).unwrap();
        let folder = folder(&[("a.jsonl", lines.join("\n").as_bytes()), ("b.json", pretty.as_bytes())]);
        prop_assert_eq!(&super::texts(&path(&folder, "a.jsonl")), &texts);
        prop_assert_eq!(&super::texts(&path(&folder, "b.json")), &texts);
    }
}

/// A path that would be compared byte by byte.
#[test]
fn golden_files_are_there() {
    for name in NAMES {
        assert!(Path::new(&golden(name)).exists(), "{name}");
    }
}
