//! The whole cleaning run, its files, and the bank's documents.

use super::*;
use crate::{CleanFiles, ReadLimits, read_clean_documents, read_documents, write_clean};
use camino::Utf8PathBuf;
use catena_protocol::NoProgress;

fn document(id: &str, title: &str, content: &str) -> Document {
    Document { id: id.into(), title: title.into(), content: content.into() }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn run(documents: Vec<Document>, config: &CleanConfig) -> Result<CleanOutput, DataError> {
    clean(documents, config, &words, &NoProgress, &Cancel::new())
}

fn sample() -> Vec<Document> {
    let long = "one two three four five six seven eight nine ten ".repeat(4);
    vec![
        document("a", "Fees\u{A0}list", &format!("{long}end\r\n")),
        document("b", "", " \u{200B}\n - \n"),
        document("c", "Fees list", &long.to_uppercase().replace("TEN ONE", "ten one")),
        document("d", "Contact", "Write to jo@example.com or call 13812345678, jo@example.com"),
        document("e", "Contact", "write to  JO@example.com or call 13812345678, jo@example.com"),
    ]
}

#[test]
fn every_document_is_accounted_for() {
    let output = run(sample(), &CleanConfig::default()).unwrap();
    let kept: Vec<&str> = output.documents.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(kept, ["a", "d"]);
    assert_eq!(output.documents[0].title, "Fees list");
    assert_eq!(output.documents[1].content, "Write to [EMAIL] or call [PHONE], [EMAIL]");
    insta::assert_json_snapshot!("profile", output.profile);
    insta::assert_json_snapshot!("document_profiles", output.document_profiles);
}

#[test]
fn the_files_are_the_same_in_every_run_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let read_all = |files: &CleanFiles| -> Vec<Vec<u8>> {
        [&files.documents, &files.profile_jsonl, &files.profile_parquet, &files.summary]
            .into_iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    };
    let output = run(sample(), &CleanConfig::default()).unwrap();
    let first = read_all(&write_clean(&dir.join("one"), &output).unwrap());
    let again = run(sample(), &CleanConfig::default()).unwrap();
    let second = read_all(&write_clean(&dir.join("two"), &again).unwrap());
    assert!(first == second, "two runs wrote different bytes");
    assert_eq!(read_clean_documents(&dir.join("one")).unwrap(), output.documents);
    assert!(first[2].starts_with(b"PAR1") && first[2].ends_with(b"PAR1"));
}

#[test]
fn what_stops_cleaning_is_said() {
    let none = run(vec![document("a", "", " ")], &CleanConfig::default()).unwrap_err();
    insta::assert_snapshot!(none, @"all 1 documents were dropped by cleaning (most by rule `empty`)");
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = clean(sample(), &CleanConfig::default(), &words, &NoProgress, &cancel);
    insta::assert_snapshot!(stopped.unwrap_err(), @"data preparation was interrupted");
    let output = run(sample(), &CleanConfig::default()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = Utf8PathBuf::from_path_buf(file.path().to_owned()).unwrap();
    let error = write_clean(&path, &output).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(path.as_str(), "FILE"), @"cannot create FILE");
}

#[test]
fn nothing_in_the_banks_documents_is_dropped_or_masked() {
    let models = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names no folder: run the tests with `make test`");
    let path = Utf8PathBuf::from(models).join("bank-support/documents.json.gz");
    let documents = read_documents(&path, &ReadLimits::default())
        .expect("the bank's documents are missing: run the tests with `make test`");
    assert_eq!(documents.len(), 698);
    let output = run(documents, &CleanConfig::default()).unwrap();
    let profile = &output.profile;
    assert_eq!((profile.num_kept, profile.num_masked_documents), (698, 0));
    assert!(profile.num_normalized > 0, "no-break hyphens and spaces are normalized");
    assert!(output.documents.iter().all(|one| !one.content.contains('\u{2011}')));
}
