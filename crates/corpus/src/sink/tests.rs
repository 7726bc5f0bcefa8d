//! What is written is read again, and the same documents give the same bytes.

use super::*;
use crate::source::{Compression, ReadOptions, Row, Sample, Shard, SourceDocument, plan_shards};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn document(row: &Value) -> SourceDocument {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.jsonl");
    std::fs::write(&path, row.to_string()).unwrap();
    let shard = Shard::of_file(path.to_str().unwrap());
    match shard.open(&ReadOptions::default()).unwrap().next().unwrap().unwrap() {
        Row::Document(document) => document,
        Row::Bad(bad) => panic!("{bad:?}"),
    }
}

fn some() -> Vec<SourceDocument> {
    let rows = [
        json!({"id": "a", "text": "one 数据", "source": "s", "url": "u", "n": 1, "mixed": 1}),
        json!({"id": "b", "text": "two\nlines", "source": "s", "n": 2.5, "mixed": "x", "tags": ["t"]}),
        json!({"id": "c", "text": "three", "source": "s", "url": null, "ok": true, "n": 3}),
    ];
    rows.iter().map(document).collect()
}

fn write(
    folder: &Utf8Path,
    options: &WriteOptions,
    documents: &[SourceDocument],
) -> Vec<WrittenFile> {
    let mut writer = DocumentWriter::new(folder, options.clone());
    for document in documents {
        writer.write(document).unwrap();
    }
    writer.finish().unwrap()
}

/// The columns that documents need.
fn learned(documents: &[SourceDocument]) -> Vec<Column> {
    let mut types = ColumnTypes::default();
    for document in documents {
        types.add_fields(&document.metadata);
    }
    types.columns()
}

/// The documents in a folder, without their places.
fn read(folder: &Utf8Path) -> Vec<(String, String, String, Value)> {
    let options = ReadOptions::default();
    let shards = plan_shards(&[folder.to_string()], &options).unwrap();
    let rows = shards.iter().flat_map(|shard| shard.open(&options).unwrap());
    let document = |row| match row {
        Ok(Row::Document(one)) => (one.id, one.text, one.source, Value::Object(one.metadata)),
        other => panic!("{other:?}"),
    };
    rows.map(document).collect()
}

fn plain(documents: &[SourceDocument]) -> Vec<(String, String, String, Value)> {
    let plain = |one: &SourceDocument| {
        let metadata = Value::Object(one.metadata.clone());
        (one.id.clone(), one.text.clone(), one.source.clone(), metadata)
    };
    documents.iter().map(plain).collect()
}

/// The document as the object that its line of JSON holds.
fn row_of(document: &SourceDocument, layout: Layout) -> Map<String, Value> {
    let mut line = Vec::new();
    row::push_row(&mut line, &document.into(), layout);
    serde_json::from_slice(&line).unwrap()
}

#[test]
fn lines_come_back_whatever_their_layout_and_compression() {
    for (compression, ending) in
        [(Compression::None, ""), (Compression::Gzip, ".gz"), (Compression::Zstd, ".zst")]
    {
        for layout in [Layout::Flat, Layout::Nested] {
            let (_guard, dir) = folder();
            let options = WriteOptions { compression, layout, ..WriteOptions::default() };
            let files = write(&dir, &options, &some());
            assert_eq!(files[0].path, dir.join(format!("00000.jsonl{ending}")));
            assert_eq!((files.len(), files[0].documents), (1, 3));
            assert_eq!(files[0].bytes, std::fs::metadata(&files[0].path).unwrap().len());
            assert_eq!(read(&dir), plain(&some()));
        }
    }
}

#[test]
fn tables_of_texts_come_back() {
    let mut documents = some();
    documents[0].text = "a \"quoted\", cell\twith\r\nlines".to_owned();
    for (format, ending) in [(SinkFormat::Csv, "csv"), (SinkFormat::Tsv, "tsv")] {
        for (compression, packed) in [(Compression::None, ""), (Compression::Gzip, ".gz")] {
            let (_guard, dir) = folder();
            let options = WriteOptions { format, compression, ..WriteOptions::default() };
            let files = write(&dir, &options, &documents);
            assert_eq!(files[0].path, dir.join(format!("00000.{ending}{packed}")));
            assert_eq!(read(&dir), plain(&documents));
        }
        // Every file begins with the names of its columns.
        let (_guard, dir) = folder();
        let options = WriteOptions { format, shard_bytes: 1, ..WriteOptions::default() };
        assert_eq!(write(&dir, &options, &documents).len(), 3);
        assert_eq!(read(&dir), plain(&documents));
    }
    let (_guard, dir) = folder();
    let options = WriteOptions { format: SinkFormat::Csv, ..WriteOptions::default() };
    let files = write(&dir, &options, &documents[2..]);
    let text = std::fs::read_to_string(&files[0].path).unwrap();
    let row =
        "id,text,source,metadata\nc,three,s,\"{\"\"url\"\":null,\"\"ok\"\":true,\"\"n\"\":3}\"\n";
    assert_eq!(text, row);
}

#[test]
fn attributes_stand_beside_their_documents() {
    let row = |id: &str, attributes: Value| {
        document(&json!({"id": id, "text": "t", "source": "s", "k": 1, "attributes": attributes}))
    };
    let spans = json!({"x__pii": [[0, 1, 1.0]]});
    let documents = [row("a", spans.clone()), row("b", json!({})), row("c", json!("odd"))];
    let (_guard, dir) = folder();
    let options = WriteOptions {
        layout: Layout::Dolma,
        sidecar: Some(dir.join("attributes/own")),
        shard_bytes: 1,
        ..WriteOptions::default()
    };
    let files = write(&dir.join("documents"), &options, &documents);
    let expected = (0..3).flat_map(|n| {
        [(format!("documents/{n:05}.jsonl"), 1), (format!("attributes/own/{n:05}.jsonl"), 0)]
    });
    let found = files
        .iter()
        .map(|file| (file.path.strip_prefix(&dir).unwrap().to_string(), file.documents));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let line = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(dir.join(name)).unwrap()).unwrap()
    };
    let expected = json!({"id": "a", "text": "t", "source": "s", "metadata": {"k": 1}});
    assert_eq!(line("documents/00000.jsonl"), expected);
    assert_eq!(line("attributes/own/00000.jsonl"), json!({"id": "a", "attributes": spans}));
    // What is no object of attributes stays where it was.
    assert_eq!(line("documents/00002.jsonl")["metadata"]["attributes"], "odd");
    let options = ReadOptions { attributes: vec!["own".to_owned()], ..ReadOptions::default() };
    let shards = plan_shards(&[dir.to_string()], &options).unwrap();
    let Row::Document(first) = shards[0].open(&options).unwrap().next().unwrap().unwrap() else {
        panic!("no document")
    };
    assert_eq!(first.metadata["attributes"], spans);
}

#[test]
fn tables_keep_what_has_no_column_of_its_own() {
    let columns = learned(&some());
    let names: Vec<(&str, &ColumnKind)> =
        columns.iter().map(|one| (one.name.as_str(), &one.kind)).collect();
    let expected = [
        ("url", &ColumnKind::Text),
        ("n", &ColumnKind::Number),
        ("tags", &ColumnKind::List(Box::new(ColumnKind::Text))),
        ("ok", &ColumnKind::Truth),
    ];
    assert_eq!(names, expected);
    for (format, ending) in [(SinkFormat::Parquet, "parquet"), (SinkFormat::Arrow, "arrow")] {
        let (_guard, dir) = folder();
        let options = WriteOptions { format, columns: columns.clone(), ..WriteOptions::default() };
        let files = write(&dir, &options, &some());
        assert_eq!(files[0].path, dir.join(format!("data/train-00000-of-00001.{ending}")));
        let values = |rows: Vec<(String, String, String, Value)>| {
            let values = |row: Value| -> BTreeMap<String, Value> {
                let Value::Object(row) = row else { panic!("{row}") };
                row.into_iter().filter(|(_, value)| !value.is_null()).collect()
            };
            rows.into_iter().map(|row| (row.0, row.1, row.2, values(row.3))).collect::<Vec<_>>()
        };
        let expected = values(plain(&some()));
        // Whole numbers in a column of numbers are the same numbers.
        let found = values(read(&dir));
        assert_eq!(format!("{found:?}").replace(".0)", ")"), format!("{expected:?}"));
    }
}

#[test]
fn turns_stay_turns_in_tables() {
    let call = |arguments: &str| json!([{"function": {"name": "f", "arguments": arguments}}]);
    let rows = [
        json!({"id": 7, "source": "desk", "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "tool_calls": call("{}")},
        ], "label": true}),
        json!({"uuid": "u", "prompt": "p", "chosen": [{"role": "assistant", "content": "c"}],
               "rejected": "r", "extra": {"a": 1}}),
        json!({"prompt": "p", "completion": "c", "extra": {"b": 2}}),
    ];
    let documents: Vec<SourceDocument> = rows.iter().map(document).collect();
    for (format, has_texts) in [(SinkFormat::Parquet, false), (SinkFormat::Arrow, true)] {
        let (_guard, dir) = folder();
        let mut types = ColumnTypes::default();
        for document in &documents {
            types.add(&document.into());
        }
        assert!(!types.has_texts());
        let options = WriteOptions { format, ..WriteOptions::default() }.with_types(&types);
        let options = WriteOptions { has_texts, ..options };
        write(&dir, &options, &documents);
        let shards = plan_shards(&[dir.to_string()], &ReadOptions::default()).unwrap();
        let found = shards.iter().flat_map(|shard| shard.open(&ReadOptions::default()).unwrap());
        for (found, document) in found.zip(&documents) {
            let Row::Document(found) = found.unwrap() else { panic!("a bad row") };
            assert_eq!(found.id, document.id);
            assert_eq!((found.turns, &found.text), (true, &document.text));
            let mut turns = found.metadata.clone();
            turns.retain(|name, _| crate::source::is_turn_column(name));
            let same = |row: &Map<String, Value>| Sample::of_turns(row, None).key("");
            let mut expected = document.metadata.clone();
            expected.retain(|name, _| crate::source::is_turn_column(name));
            assert_eq!(same(&turns), same(&expected), "{turns:?}");
            assert_eq!(found.metadata.contains_key("text"), has_texts);
        }
    }
    // A row that does not fit the columns has its turns as a text, and is whole in its metadata.
    let odd = document(&json!({"messages": [{"role": "user", "content": ["a", "b"]}]}));
    let (_guard, dir) = folder();
    let options = WriteOptions {
        format: SinkFormat::Parquet,
        columns: learned(&documents[..1]),
        ..WriteOptions::default()
    };
    write(&dir, &options, &[documents[0].clone(), odd.clone()]);
    let found = read(&dir);
    assert_eq!((&found[1].1, &found[1].3["messages"]), (&odd.text, &odd.metadata["messages"]));
}

#[test]
fn parquet_tells_the_datasets_library_its_types() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let (_guard, dir) = folder();
    let options = WriteOptions { format: SinkFormat::Parquet, ..WriteOptions::default() };
    let files = write(&dir, &options, &some());
    let reader = SerializedFileReader::new(std::fs::File::open(&files[0].path).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let features = metadata.into_iter().find(|one| one.key == "huggingface").unwrap();
    let features: Value = serde_json::from_str(&features.value.unwrap()).unwrap();
    let text = json!({"dtype": "string", "_type": "Value"});
    assert_eq!(features["info"]["features"]["text"], text);
}

#[test]
fn files_are_cut_by_size_and_always_alike() {
    let many: Vec<SourceDocument> =
        (0..20).map(|n| document(&json!({"id": n, "text": format!("{n} ").repeat(40)}))).collect();
    let formats = [
        SinkFormat::JsonLines,
        SinkFormat::Text,
        SinkFormat::Csv,
        SinkFormat::Tsv,
        SinkFormat::Parquet,
        SinkFormat::Arrow,
    ];
    for format in formats {
        let options = WriteOptions { format, shard_bytes: 500, ..WriteOptions::default() };
        let bytes = || {
            let (_guard, dir) = folder();
            let files = write(&dir, &options, &many);
            let names = files.iter().map(|one| one.path.file_name().unwrap().to_owned());
            let names: Vec<String> = names.collect();
            let contents = files.iter().map(|one| std::fs::read(&one.path).unwrap());
            (names, contents.collect::<Vec<_>>())
        };
        let (names, contents) = bytes();
        assert!(names.len() > 3, "{names:?}");
        assert_eq!((names, contents), bytes());
    }
}

#[test]
fn rows_of_turns_are_written_as_they_were() {
    let row = json!({"id": 1, "messages": [{"role": "user", "content": "hi"}], "k": null});
    let document = document(&row);
    assert_eq!(Value::Object(row_of(&document, Layout::Flat)), row);
    let nested = row_of(&document, Layout::Nested);
    assert_eq!((nested["text"].as_str(), &nested["metadata"]["k"]), (Some("hi"), &Value::Null));
}

#[test]
fn rows_of_turns_keep_their_id_when_they_are_read_again() {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let named = |row: Value, id: &str| {
        let mut document = document(&row);
        id.clone_into(&mut document.id);
        Value::Object(row_of(&document, Layout::Flat))
    };
    let expected = json!({"id": "in.jsonl:3", "messages": turns});
    assert_eq!(named(json!({"messages": turns}), "in.jsonl:3"), expected);
    assert_eq!(named(json!({"id": null, "messages": turns}), "in.jsonl:3"), expected);
    let own = json!({"uuid": "u", "messages": turns});
    assert_eq!(named(own.clone(), "u"), own);
    let other = json!({"id": "x", "_id": 4, "uid": 7, "messages": turns});
    let written = named(json!({"id": 4, "uid": 7, "messages": turns}), "x");
    assert_eq!(written, other);
    assert_eq!(document(&written).id, "x");
}

#[test]
fn names_that_are_taken_are_moved() {
    let mut document = some().remove(0);
    document.metadata = Map::from_iter([("text".to_owned(), json!(5))]);
    let row = row_of(&document, Layout::Flat);
    assert_eq!((row["text"].as_str(), &row["_text"]), (Some("one 数据"), &json!(5)));
}

#[test]
fn metadata_that_is_json_already_gives_the_same_lines() {
    let mut documents = some();
    let odd = json!({"text": 5, "tags": [{"source": "x\ny"}], "created": "2020", "é\"": null});
    documents.push(SourceDocument {
        metadata: odd.as_object().unwrap().clone(),
        ..documents[0].clone()
    });
    documents.push(document(&json!({"id": 1, "messages": [{"content": "hi"}], "k": null})));
    documents.push(document(&json!({"messages": [{"content": "hi"}]})));
    for (format, layout) in [
        (SinkFormat::JsonLines, Layout::Flat),
        (SinkFormat::JsonLines, Layout::Nested),
        (SinkFormat::JsonLines, Layout::Dolma),
        (SinkFormat::Csv, Layout::Flat),
    ] {
        let options = WriteOptions { format, layout, ..WriteOptions::default() };
        for document in &documents {
            let row = DocumentRow::from(document);
            let json = serde_json::to_string(&document.metadata).unwrap();
            let given = DocumentRow { metadata: Metadata::Json(&json), ..row };
            let line = |row: &DocumentRow<'_>| {
                let mut block = LineBlock::default();
                block.push(row, &options);
                String::from_utf8(block.lines.part(0..1).to_vec()).unwrap()
            };
            assert_eq!(line(&given), line(&row));
        }
    }
}

#[test]
fn lines_made_apart_fill_the_same_files() {
    use sha2::{Digest, Sha256};
    let many: Vec<SourceDocument> = (1..51)
        .map(|n| document(&json!({"id": n, "text": format!("{n} ").repeat(n), "attributes": {}})))
        .collect();
    let files = |options: &WriteOptions, apart: bool| {
        let (_guard, dir) = folder();
        let mut options = WriteOptions { digest_apart: apart, ..options.clone() };
        options.sidecar = options.sidecar.map(|name| dir.join(name));
        let mut writer = DocumentWriter::new(&dir.join("data"), options.clone());
        for chunk in many.chunks(17) {
            let mut block = LineBlock::default();
            for document in chunk {
                if apart {
                    block.push(&document.into(), &options);
                } else {
                    writer.write(document).unwrap();
                }
            }
            writer.write_lines(&block).unwrap();
        }
        let files = writer.finish().unwrap();
        let told = |file: WrittenFile| {
            let bytes = std::fs::read(&file.path).unwrap();
            let pairs = file.sha256.as_bytes().as_chunks::<2>().0.iter();
            let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
            let digest: Vec<u8> = pairs.map(|pair| byte(pair)).collect();
            assert_eq!(digest[..], Sha256::digest(&bytes)[..]);
            assert_eq!(file.bytes, bytes.len() as u64);
            (file.path.strip_prefix(&dir).unwrap().to_owned(), file.documents, bytes)
        };
        files.into_iter().map(told).collect::<Vec<_>>()
    };
    let plain = WriteOptions { shard_bytes: 900, sync: false, ..WriteOptions::default() };
    for options in [
        WriteOptions { format: SinkFormat::Tsv, ..plain.clone() },
        WriteOptions { compression: Compression::Zstd, ..plain.clone() },
        WriteOptions { layout: Layout::Dolma, sidecar: Some("side".into()), ..plain.clone() },
        plain,
    ] {
        let (one_by_one, apart) = (files(&options, false), files(&options, true));
        assert!(one_by_one.len() > 3, "{}", one_by_one.len());
        assert!(one_by_one == apart, "{options:?}");
    }
}

#[test]
fn what_is_not_finished_leaves_no_whole_file() {
    let (_guard, dir) = folder();
    let options =
        WriteOptions { format: SinkFormat::Parquet, shard_bytes: 1, ..WriteOptions::default() };
    let mut writer = DocumentWriter::new(&dir, options);
    writer.write(&some()[0]).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.join("data")).unwrap().count(), 0);
    let files = write(&dir, &WriteOptions::default(), &[]);
    assert_eq!((files.len(), files[0].documents, files[0].bytes), (1, 0, 0));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let (_guard, dir) = folder();
    std::fs::write(dir.join("taken"), "").unwrap();
    let mut writer = DocumentWriter::new(&dir.join("taken"), WriteOptions::default());
    let error = writer.write(&some()[0]).unwrap_err();
    assert!(matches!(error, crate::CorpusError::Io { action: "create", .. }), "{error}");
}
