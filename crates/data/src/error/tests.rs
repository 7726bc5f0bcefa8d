//! The text of every error.

use super::*;

/// Errors of data files and of what names them.
fn file_errors() -> Vec<DataError> {
    let path = || Utf8PathBuf::from("docs/fees.md");
    let id = || "r1".to_owned();
    let unknown = |nearest| DataError::UnknownName {
        what: "key",
        name: "formating".to_owned(),
        place: " of data set `x`".to_owned(),
        nearest,
        known: "formatting, ranking".to_owned(),
    };
    vec![
        DataError::BadRow {
            path: path(),
            line: 2,
            reason: BadReason::NotAnObject { found: "a list" },
        },
        DataError::Damaged {
            path: path(),
            reason: BadReason::Damaged { format: "Parquet", message: "bad".to_owned() },
        },
        DataError::UnknownDataFile { path: path(), known: ".json, .csv" },
        DataError::MixedDataFiles { first: path(), other: "docs/fees.csv".into() },
        DataError::NoRows { path: path() },
        DataError::UnknownShape { path: path(), columns: vec![id()], known: vec!["alpaca"] },
        DataError::ColumnsWithoutFormat { path: path() },
        unknown(None),
        unknown(Some("formatting".to_owned())),
        DataError::BadValue {
            key: "ranking".to_owned(),
            place: " of data set `x`".to_owned(),
            found: "1".to_owned(),
            expected: "true or false",
        },
        DataError::RemoteDataset {
            dataset: id(),
            key: "hf_hub_url",
            address: "org/set".to_owned(),
        },
        DataError::AllRowsDropped {
            path: path(),
            count: 3,
            format: "alpaca",
            line: 2,
            reason: crate::DropReason::NoTurns,
        },
    ]
}

fn every_error() -> Vec<DataError> {
    let path = || Utf8PathBuf::from("docs/fees.md");
    let io = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let json = || serde_json::from_str::<u8>("x").unwrap_err();
    let id = || "r1".to_owned();
    let leak = |kind| DataError::Leak { kind, value: "v".to_owned(), train: id(), heldout: id() };
    let template = catena_text::ChatTemplate::new("{% if %}", "", "").err();
    vec![
        DataError::NotFound { path: path() },
        DataError::Binary { path: path(), offset: 7, value: 0 },
        DataError::NotUtf8 { path: path(), offset: 7 },
        DataError::PathNotUtf8 { folder: path() },
        DataError::Json { path: path(), line: 2, source: json() },
        DataError::Compressed { path: path(), reason: BadReason::Truncated },
        DataError::TooLarge { path: path(), what: "number of files", limit: 10 },
        DataError::Corpus(CorpusError::Config {
            key: "bands",
            found: 0.0,
            expected: "from 1 to 512",
        }),
        leak(LeakKind::Document),
        leak(LeakKind::Question),
        leak(LeakKind::AnswerSentence),
        DataError::AnswerCutOff { record: id(), prompt_tokens: 600, max_tokens: 512 },
        DataError::TemplatePrefix { record: id(), offset: 12 },
        DataError::Encode { record: id(), source: template.expect("the template is broken") },
        DataError::Io { action: "write", path: path(), source: io() },
        DataError::NoTemplate { record: id() },
        DataError::MarkedTurns { record: id(), marks: 1, turns: 2 },
        DataError::WrongSample { record: id(), found: "rerank", expected: "text or chat" },
        DataError::UnknownLabel { record: id(), label: "card".to_owned(), count: 2 },
        DataError::Interrupted,
    ]
}

#[test]
fn every_error_has_its_text() {
    let text = |error: &DataError| format!("{error}\n  hint: {}", error.hint().unwrap_or("-"));
    let errors = every_error().into_iter().chain(file_errors());
    let lines: Vec<String> = errors.map(|error| text(&error)).collect();
    insta::assert_snapshot!("every_error", lines.join("\n"));
}
