//! What is read from files that other tools wrote, and what becomes of files that are bad.

mod bad;
mod binary;
mod damage;
mod lent;
mod plan;
mod rows;
mod shapes;

use super::*;
use crate::error::CorpusError;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// A file that another tool wrote.
fn golden(name: &str) -> String {
    format!("{}/tests/golden/source/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

/// The path of a file in a folder, or of the folder itself.
fn path(folder: &tempfile::TempDir, name: &str) -> String {
    let path = if name.is_empty() { folder.path().to_owned() } else { folder.path().join(name) };
    path.to_str().unwrap().to_owned()
}

/// All rows of an input, shard after shard.
fn read(input: &str, options: &ReadOptions) -> Vec<Row> {
    let shards = plan_shards(&[input.to_owned()], options).unwrap();
    let rows = shards.iter().flat_map(|shard| shard.open(options).unwrap());
    rows.map(Result::unwrap).collect()
}

/// The documents of an input that must be good throughout.
fn documents(input: &str, options: &ReadOptions) -> Vec<SourceDocument> {
    let document = |row| match row {
        Row::Document(document) => document,
        Row::Bad(bad) => panic!("{bad:?}"),
    };
    read(input, options).into_iter().map(document).collect()
}

/// The texts of an input that must be good throughout.
fn texts(input: &str) -> Vec<String> {
    let documents = documents(input, &ReadOptions::default());
    documents.into_iter().map(|document| document.text).collect()
}

/// One line for each row: a document's place and text, or what is wrong.
fn said(input: &str, options: &ReadOptions) -> Vec<String> {
    let line = |row| match row {
        Row::Document(document) => format!("{}: {}", document.place, document.text),
        Row::Bad(bad) => format!("{}: BAD {}: {}", bad.place, bad.reason.name(), bad.reason),
    };
    read(input, options).into_iter().map(line).collect()
}

/// What is said of a file with these bytes.
fn said_of(name: &str, bytes: &[u8]) -> Vec<String> {
    let folder = folder(&[(name, bytes)]);
    said(&path(&folder, name), &ReadOptions::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
