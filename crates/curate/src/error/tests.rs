//! The text of every error, and what comes back from the engine as what went in.

use super::*;

fn every_error() -> Vec<CurateError> {
    let io = || std::io::Error::other("broken");
    let toml = toml::from_str::<toml::Table>("a =").unwrap_err();
    let engine = || Box::new(DataFusionError::Internal("broken".to_owned()));
    let config = CorpusError::Config { key: "bands", found: 0.0, expected: "at least 1" };
    vec![
        CurateError::Corpus(config),
        CurateError::Plan { path: "plan.toml".into(), source: Box::new(toml) },
        CurateError::UnknownThreshold { found: "c4/x".to_owned() },
        CurateError::Benchmark {
            place: Place { file: "hellaswag.jsonl".into(), start: 0, row: 1 },
            reason: BadReason::NoText { columns: "ctx, endings".to_owned() },
        },
        CurateError::NoKey,
        CurateError::NoTokenizer { key: "tokens.at_most" },
        CurateError::Tokenizer {
            path: "tokenizer.json".into(),
            source: Box::new(TextError::TokenizerTooLarge { bytes: 9, limit: 8 }),
        },
        CurateError::TurnsCut { key: "rules.edit_lines", place: "chats.jsonl:1".to_owned() },
        CurateError::OtherWork { folder: "out".into() },
        CurateError::NotCurated { folder: "out".into(), file: "card.json" },
        CurateError::NotMeasured { folder: "out".into() },
        CurateError::UnknownId { folder: "out".into(), id: "a".to_owned() },
        CurateError::AllDropped { count: 3, by: "read: empty".to_owned() },
        CurateError::NoDocuments { num_bad: 0, worst: None },
        CurateError::NoDocuments { num_bad: 2, worst: Some("not_json".to_owned()) },
        CurateError::Query { message: "no column `x`".to_owned() },
        CurateError::Rows { input: "in.jsonl".to_owned() },
        CurateError::Io { action: "write", path: "out/card.json".into(), source: io() },
        CurateError::Engine(engine()),
        CurateError::Interrupted,
    ]
}

#[test]
fn every_error_says_what_and_what_next() {
    let lines: Vec<String> = every_error()
        .iter()
        .map(|error| format!("{error}\n  hint: {}", error.hint().unwrap_or("none")))
        .collect();
    insta::assert_snapshot!("errors", lines.join("\n"));
}

#[test]
fn an_error_of_ours_passes_through_the_engine() {
    let inner: DataFusionError = CurateError::Interrupted.into();
    let wrapped = DataFusionError::Context("while reading".to_owned(), Box::new(inner));
    assert!(matches!(CurateError::from(wrapped), CurateError::Interrupted));
    let theirs = DataFusionError::Plan("x".to_owned());
    assert!(matches!(CurateError::from(theirs), CurateError::Engine(_)));
}
