//! Bad input: what came before it is kept, and it is said what is wrong.

use super::*;
use crate::source::opener::PathKind;
use std::io::{self, Read};
use std::sync::Arc;

const TWO: &[u8] = b"{\"text\":\"a\"}\n{\"text\":\"b\"}\n";

#[test]
fn bad_lines_are_kept_aside() {
    let lines = b"{\"text\":\"a\"}\n{\"text\":\n\n[1]\n{\"text\":\"b\"} x\n{\"text\":\"c\"}";
    let expected = [
        "x.jsonl:1: a",
        "x.jsonl:2: BAD not_json: not JSON: EOF while parsing a value at line 1 column 8",
        "x.jsonl:4: BAD not_an_object: a row is a list, expected an object",
        "x.jsonl:5: BAD not_json: not JSON: trailing characters at line 1 column 14",
        "x.jsonl:6: c",
    ];
    assert_eq!(said_of("x.jsonl", lines), expected);
    let mixed = said(&golden("mixed.jsonl"), &ReadOptions::default());
    let bad = "mixed.jsonl:2: BAD encoding: not UTF-8 text (first bad byte at offset 13)";
    assert_eq!(mixed, ["mixed.jsonl:1: café", bad, "mixed.jsonl:3: plain"]);
}

#[test]
fn bad_values_of_a_list_do_not_spoil_the_others() {
    let list = b"[{\"text\":\"a\"},\n{\"text\":b},\n{\"text\":\"c\"}\n{\"text\":\"d\"}, 7";
    let expected = [
        "x.json:1: a",
        "x.json:2: BAD not_json: not JSON: expected value at line 1 column 9",
        "x.json:3: c",
        "x.json:4: BAD not_json: not JSON: expected `,` or `]` behind a value of the list",
        "x.json:4: d",
        "x.json:4: BAD not_an_object: a row is a number, expected an object",
        "x.json:4: BAD not_json: not JSON: the file ends in the middle of a list",
    ];
    assert_eq!(said_of("x.json", list), expected);
    let behind = said_of("x.json", b"[{\"text\":\"a\"}] x");
    assert_eq!(behind[1], "x.json:1: BAD not_json: not JSON: something follows the list");
}

#[test]
fn a_truncated_file_gives_what_came_before() {
    let mut lines = Vec::new();
    for at in 0..4000 {
        lines.extend(format!("{{\"text\":\"row {at} {}\"}}\n", at * 7919 % 1013).bytes());
    }
    let whole = gzip(&lines);
    let found = said_of("x.jsonl.gz", &whole[..whole.len() / 2]);
    assert!(found.len() > 1000, "{}", found.len());
    assert!(found[1000].starts_with("x.jsonl.gz:1001: row 1000 "), "{}", found[1000]);
    // The last line may be cut as well, before the end of the data is found.
    assert!(found.last().unwrap().ends_with("BAD truncated: the compressed data ends too early"));
    let zstd = zstd::encode_all(lines.as_slice(), 1).unwrap();
    let found = said_of("x.jsonl.zst", &zstd[..zstd.len() / 2]);
    assert!(found.last().unwrap().ends_with("BAD truncated: the compressed data ends too early"));
    let mut broken = gzip(TWO);
    broken.extend(b"garbage behind the end");
    let found = said_of("x.jsonl.gz", &broken);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[2].contains("BAD compression"), "{found:?}");
}

#[test]
fn tables_tell_rows_of_another_length() {
    let found = said_of("x.csv", b"text,b\na,1\n\nb\nc,\"2\n3\"\n\"never closed,4\n");
    let expected = [
        "x.csv:2: a",
        "x.csv:4: BAD fields: a row of 1 fields below a header of 2",
        "x.csv:5: c",
        "x.csv:7: BAD fields: a row of 1 fields below a header of 2",
    ];
    assert_eq!(found, expected);
}

/// A file that never lies on a disk: some bytes, then one byte many times, then the end.
#[derive(Clone, Debug)]
struct Endless {
    start: &'static [u8],
    byte: u8,
    times: u64,
    end: &'static [u8],
}

impl Opener for Endless {
    fn open(&self, _: &str, _: u64) -> io::Result<Box<dyn Read + Send>> {
        let many = io::repeat(self.byte).take(self.times);
        Ok(Box::new(self.start.chain(many).chain(self.end)))
    }

    fn kind(&self, _: &str) -> io::Result<PathKind> {
        Ok(PathKind::File(1))
    }

    fn list(&self, _: &str, _: usize) -> io::Result<Vec<ListedFile>> {
        Ok(Vec::new())
    }
}

/// What is said of an endless file, and the most bytes that were held for it.
fn endless(name: &str, file: Endless) -> Vec<String> {
    let options = ReadOptions { opener: Arc::new(file), ..ReadOptions::default() };
    said(name, &options)
}

#[test]
fn a_row_without_end_is_passed_over() {
    let file = |start: &'static [u8], end: &'static [u8]| Endless {
        start,
        byte: b'a',
        times: 200 << 20,
        end,
    };
    let bytes = 200 << 20;
    let limit = 16 << 20;
    let found =
        endless("x.jsonl", file(b"{\"text\":\"a\"}\n{\"text\":\"", b"\"}\n{\"text\":\"b\"}"));
    let long =
        format!("x.jsonl:2: BAD too_long: it has {} bytes, the limit is {limit}", bytes + 11);
    assert_eq!(found, ["x.jsonl:1: a", &long, "x.jsonl:3: b"]);
    let found =
        endless("x.json", file(b"[{\"text\":\"a\"},{\"text\":\"", b"\"},{\"text\":\"b\"}]"));
    let long = format!("x.json:1: BAD too_long: it has {} bytes, the limit is {limit}", bytes + 11);
    assert_eq!(found, ["x.json:1: a", &long, "x.json:1: b"]);
    let found = endless("x.csv", file(b"text\na\n\"", b"\"\nb\n"));
    assert_eq!((found.len(), &*found[0], &*found[2]), (3, "x.csv:2: a", "x.csv:4: b"));
    assert!(found[1].starts_with("x.csv:3: BAD too_long"), "{found:?}");
}

#[test]
fn a_bomb_is_defused() {
    let lines = gzip(&[b"{\"text\":\"a\"}\n".as_slice(), &vec![b' '; 100 << 20]].concat());
    let found = said_of("x.jsonl.gz", &lines);
    let long = "x.jsonl.gz:2: BAD too_long: it has 104857600 bytes, the limit is 16777216";
    assert_eq!(found, ["x.jsonl.gz:1: a", long]);
    let grown = [b"{\"text\":\"a\"}\n".as_slice(), &vec![b' '; 100 << 20]].concat();
    let grown = zstd::encode_all(grown.as_slice(), 1).unwrap();
    assert!(grown.len() < 100 << 10, "{}", grown.len());
    let found = said_of("x.jsonl.zst", &grown);
    let bomb = "x.jsonl.zst:2: BAD bomb: the compressed data grows to more than 200 times its size";
    assert_eq!(found, ["x.jsonl.zst:1: a", bomb]);
    let folder = folder(&[("x.txt.gz", &gzip(&vec![b'x'; 1 << 20]))]);
    let mut options = ReadOptions::default();
    options.limits.max_file_bytes = 1000;
    let found = said(&path(&folder, "x.txt.gz"), &options);
    assert_eq!(found, ["x.txt.gz:1: BAD too_long: it has 1001 bytes, the limit is 1000"]);
    options.limits.max_file_bytes = 2000;
    let found = said(&golden("fees.docx"), &options);
    assert!(found[0].contains("BAD too_long"), "{found:?}");
}

#[test]
fn what_is_no_text_is_said() {
    assert_eq!(
        said_of("x.txt", b"\x89PNG\r\n\x1a\n\0\0"),
        ["x.txt:1: BAD binary: binary data (byte 0x00 at offset 8)"]
    );
    assert_eq!(said_of("x.txt", b""), ["x.txt:1: BAD empty: there is no text in it"]);
    let found = said_of("x.pdf", b"%PDF-1.4 nothing");
    assert!(found[0].starts_with("x.pdf:1: BAD damaged: not readable as PDF:"), "{found:?}");
    let found = said_of("x.parquet", b"PAR1PAR1");
    assert!(
        found[0].starts_with("x.parquet:1: BAD damaged: not readable as Parquet:"),
        "{found:?}"
    );
}

#[test]
fn the_systems_errors_are_errors() {
    #[derive(Debug)]
    struct Broken;
    impl Opener for Broken {
        fn open(&self, _: &str, _: u64) -> io::Result<Box<dyn Read + Send>> {
            struct Fails;
            impl Read for Fails {
                fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                    Err(io::Error::other("the disk is gone"))
                }
            }
            Ok(Box::new(TWO.chain(Fails)))
        }
        fn kind(&self, _: &str) -> io::Result<PathKind> {
            Ok(PathKind::File(1))
        }
        fn list(&self, _: &str, _: usize) -> io::Result<Vec<ListedFile>> {
            Ok(Vec::new())
        }
    }
    let options = ReadOptions { opener: Arc::new(Broken), ..ReadOptions::default() };
    let rows: Vec<_> = Shard::of_file("x.jsonl").open(&options).unwrap().collect();
    assert_eq!(rows.len(), 3);
    assert!(matches!(&rows[1], Ok(Row::Document(one)) if one.text == "b"), "{rows:?}");
    assert!(matches!(&rows[2], Err(CorpusError::Io { action: "read", .. })), "{rows:?}");
}

#[test]
fn strict_reading_ends_with_the_first_bad_row() {
    let folder = folder(&[("x.jsonl", b"{\"text\":\"a\"}\n7\n{\"text\":\"b\"}")]);
    let options = ReadOptions { strict: true, ..ReadOptions::default() };
    let shards = plan_shards(&[path(&folder, "")], &options).unwrap();
    let rows: Vec<_> = shards[0].open(&options).unwrap().collect();
    assert_eq!(rows.len(), 2);
    let error = rows[1].as_ref().unwrap_err();
    assert_eq!(error.to_string(), "row x.jsonl:2 cannot be read");
    let reason = std::error::Error::source(error).unwrap().to_string();
    assert_eq!(reason, "a row is a number, expected an object");
}
