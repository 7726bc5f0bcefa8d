//! Reading what is right and refusing what is not, with the file in every error.

use super::*;
use crate::DataError;
use camino::{Utf8Path, Utf8PathBuf};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn put(folder: &Utf8Path, name: &str, bytes: &[u8]) -> Utf8PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ids(path: &Utf8Path) -> Vec<(String, String)> {
    let documents = read_documents(path, &ReadLimits::default()).unwrap();
    documents.into_iter().map(|one| (one.id, one.title)).collect()
}

/// The error of reading `path`, with the folder's random name replaced.
fn error(folder: &Utf8Path, path: &Utf8Path, limits: &ReadLimits) -> String {
    let error = read_documents(path, limits).unwrap_err();
    let hint = error.hint().unwrap_or("none");
    format!("{error}; hint: {hint}").replace(folder.as_str(), "DIR")
}

const TWO: &[u8] = br#"[{"id":"a","title":"A","content":"x"},{"id":"b","content":"y"}]"#;

#[test]
fn every_format_is_read() {
    let (_guard, dir) = folder();
    let pair = |id: &str, title: &str| (id.to_owned(), title.to_owned());
    let json = put(&dir, "set.json", TWO);
    assert_eq!(ids(&json), [pair("a", "A"), pair("b", "")]);
    assert_eq!(ids(&put(&dir, "set.json.gz", &gzip(TWO))), ids(&json));
    let lines = b"\xEF\xBB\xBF{\"id\":\"a\",\"title\":\"A\",\"content\":\"x\"}\n\n{\"id\":\"b\",\"content\":\"y\"}";
    assert_eq!(ids(&put(&dir, "set.jsonl", lines)), ids(&json));
    assert_eq!(ids(&put(&dir, "fees.md", b"Intro\n# Fees\ntext")), [pair("fees.md", "Fees")]);
    assert_eq!(ids(&put(&dir, "how_to-pay.txt", b"text")), [pair("how_to-pay.txt", "how to pay")]);
}

#[test]
fn a_folder_is_read_in_the_order_of_its_names() {
    let (_guard, dir) = folder();
    put(&dir, "b.txt", b"b");
    put(&dir, "a/z.md", b"# Z");
    put(&dir, "c.json", TWO);
    put(&dir, ".hidden/x.bin", &[0, 1]);
    let found: Vec<String> = ids(&dir).into_iter().map(|one| one.0).collect();
    assert_eq!(found, ["a/z.md", "b.txt", "a", "b"]);
}

#[test]
fn bad_input_is_named() {
    let (_guard, dir) = folder();
    let all = ReadLimits::default();
    let say = |path: &Utf8Path| error(&dir, path, &all);
    insta::assert_snapshot!(say(&dir.join("none")), @"there is no file or folder DIR/none; hint: check the path in catena.toml");
    insta::assert_snapshot!(say(&put(&dir, "logo.png", b"\x89PNG\r\n\x1a\n\0\0")), @"DIR/logo.png is a binary file (byte 0x00 at offset 8); hint: move the file out of the documents folder, or convert it to text");
    insta::assert_snapshot!(say(&put(&dir, "x.md", b"ok \0")), @"DIR/x.md is a binary file (byte 0x00 at offset 3); hint: move the file out of the documents folder, or convert it to text");
    insta::assert_snapshot!(say(&put(&dir, "y.txt", b"\x01\xff\xfe")), @"DIR/y.txt is a binary file (byte 0x01 at offset 0); hint: move the file out of the documents folder, or convert it to text");
    insta::assert_snapshot!(say(&put(&dir, "gb.txt", b"fee \xB7\xD1")), @"DIR/gb.txt is not UTF-8 text (first bad byte at offset 4); hint: convert the file, for example: iconv -f GB18030 -t UTF-8");
    insta::assert_snapshot!(say(&put(&dir, "x.rtf", b"text")), @"DIR/x.rtf is of no known document format (known: .json, .jsonl, .md, .markdown, .txt, each also with .gz or .zst); hint: move the file out of the documents folder, or convert it to text");
    insta::assert_snapshot!(say(&put(&dir, "bad.json", b"[{\"id\":\"a\"}]")), @"DIR/bad.json, line 1: not the expected JSON; hint: documents are objects with the strings `id`, `title` and `content`");
    insta::assert_snapshot!(say(&put(&dir, "bad.jsonl", b"{\"id\":\"a\",\"content\":\"\"}\n{")), @"DIR/bad.jsonl, line 2: not JSON: EOF while parsing an object at line 1 column 1; hint: rows are JSON objects: a list of them, or one a line");
    insta::assert_snapshot!(say(&put(&dir, "cut.json.gz", &gzip(TWO)[..20])), @"cannot decompress DIR/cut.json.gz; hint: fetch or compress the file again");
    insta::assert_snapshot!(say(&put(&dir, "empty.json", b"[]")), @"DIR/empty.json holds no documents; hint: add .md, .txt, .json, .json.gz or .jsonl files");
    let twice = br#"[{"id":"a","content":"x"},{"id":"a","content":"y"}]"#;
    insta::assert_snapshot!(say(&put(&dir, "twice.json", twice)), @"document id `a` occurs twice; hint: give each document its own id");
}

#[test]
fn an_empty_folder_holds_no_documents() {
    let (_guard, dir) = folder();
    insta::assert_snapshot!(error(&dir, &dir, &ReadLimits::default()), @"DIR holds no documents; hint: add .md, .txt, .json, .json.gz or .jsonl files");
}

#[test]
fn limits_hold_for_a_gzip_bomb_too() {
    let (_guard, dir) = folder();
    let bomb = put(&dir, "bomb.txt.gz", &gzip(&vec![b' '; 1 << 20]));
    let limits = ReadLimits { max_file_bytes: 1000, ..ReadLimits::default() };
    insta::assert_snapshot!(error(&dir, &bomb, &limits), @"DIR/bomb.txt.gz: bytes of one file after decompression exceeds the limit of 1000; hint: split the input into smaller files or sets");
    put(&dir, "a.txt", b"a");
    let one_file = ReadLimits { max_files: 1, ..ReadLimits::default() };
    insta::assert_snapshot!(error(&dir, &dir, &one_file), @"DIR: number of files exceeds the limit of 1; hint: split the input into smaller files or sets");
    let one_document = ReadLimits { max_documents: 1, ..ReadLimits::default() };
    let set = put(&dir, "set.json", TWO);
    insta::assert_snapshot!(error(&dir, &set, &one_document), @"DIR/set.json: number of documents exceeds the limit of 1; hint: split the input into smaller files or sets");
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let (_guard, dir) = folder();
    std::fs::write(dir.as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff.md")), "x").unwrap();
    insta::assert_snapshot!(error(&dir, &dir, &ReadLimits::default()), @"folder DIR holds a name that is not UTF-8; hint: rename the file");
}

#[test]
fn a_folder_in_place_of_a_file_is_an_io_error() {
    let (_guard, dir) = folder();
    let error = read_text(&dir, 10).unwrap_err();
    assert!(matches!(error, DataError::Io { action: "read", .. }), "{error}");
}
