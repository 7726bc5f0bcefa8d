//! The text of every error.

use super::*;

fn every_error() -> Vec<DataError> {
    let path = || Utf8PathBuf::from("docs/fees.md");
    let io = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let json = || serde_json::from_str::<u8>("x").unwrap_err();
    let id = || "r1".to_owned();
    let leak = |kind| DataError::Leak { kind, value: "v".to_owned(), train: id(), heldout: id() };
    let template = catena_text::ChatTemplate::new("{% if %}", "", "").err();
    vec![
        DataError::NotFound { path: path() },
        DataError::UnknownFormat { path: path(), known: ".md, .txt" },
        DataError::Binary { path: path(), offset: 7, value: 0 },
        DataError::NotUtf8 { path: path(), offset: 7 },
        DataError::PathNotUtf8 { folder: path() },
        DataError::Json { path: path(), line: 2, source: json() },
        DataError::Gzip { path: path(), source: io() },
        DataError::NoDocuments { path: path() },
        DataError::AllDropped { count: 3, rule: "empty" },
        DataError::DuplicateId { id: id() },
        DataError::TooLarge { path: path(), what: "number of files", limit: 10 },
        DataError::Config { key: "bands", found: 0.0, expected: "from 1 to 512" },
        leak(LeakKind::Document),
        leak(LeakKind::Question),
        leak(LeakKind::AnswerSentence),
        DataError::AnswerCutOff { record: id(), prompt_tokens: 600, max_tokens: 512 },
        DataError::TemplatePrefix { record: id(), offset: 12 },
        DataError::Encode { record: id(), source: template.expect("the template is broken") },
        DataError::Io { action: "write", path: path(), source: io() },
        DataError::Parquet {
            path: path(),
            source: parquet::errors::ParquetError::General("bad".to_owned()),
        },
        DataError::Interrupted,
    ]
}

#[test]
fn every_error_has_its_text() {
    let text = |error: &DataError| format!("{error}\n  hint: {}", error.hint().unwrap_or("-"));
    let lines: Vec<String> = every_error().iter().map(text).collect();
    insta::assert_snapshot!("every_error", lines.join("\n"));
}
