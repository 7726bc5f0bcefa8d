//! The text of every error.

use super::*;

fn path() -> Utf8PathBuf {
    "data/a.jsonl".into()
}

fn io() -> std::io::Error {
    std::io::Error::other("broken")
}

fn errors_of_operators() -> Vec<CorpusError> {
    let text = |text: &str| text.to_owned();
    vec![
        CorpusError::Config { key: "bands", found: 0.0, expected: "at least 1" },
        CorpusError::TooMany { what: "items", found: 9, limit: 8 },
        CorpusError::Lengths { what: "sizes", found: 1, expected: 2 },
        CorpusError::NotFinite { what: "the score", row: 3, found: f64::NAN },
        CorpusError::UnknownName {
            what: "score",
            name: text("lenght"),
            known: text("length, rarity"),
            nearest: Some(text("length")),
        },
        CorpusError::Split { part: text("test"), found: 9, wanted: 5, documents: 50 },
        CorpusError::MixShort {
            source_name: text("web"),
            available: 10,
            max_epochs: 1.0,
            wanted: 20,
        },
        CorpusError::TokenTooLarge { token: 70_000, limit: 65_535 },
        CorpusError::Shard { path: path(), what: "length", found: 7, expected: 8 },
        CorpusError::BelowFloor { threshold: 0.7, floor: 0.8 },
        CorpusError::ModelUnsupported { what: "no fastText model" },
        CorpusError::ModelDamaged { what: "the number of words", offset: 12 },
        CorpusError::PageTooLong { bytes: 9, limit: 8 },
        CorpusError::NoContent,
        CorpusError::UnknownRule {
            set: "gopher",
            rule: text("short"),
            near: None,
            known: vec!["gopher_short_doc"],
        },
        CorpusError::Threshold { set: "gopher", rule: text("gopher_short_doc") },
        CorpusError::NotMeasured { set: "gopher", measure: "words.count" },
        CorpusError::TextTooLong { bytes: 9, limit: 8 },
        CorpusError::TooManyDocuments { limit: 8 },
    ]
}

fn errors_of_files() -> Vec<CorpusError> {
    let glob = globset::Glob::new("[").unwrap_err();
    let card = serde_saphyr::from_str::<serde_json::Value>("a: [").unwrap_err();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    // The pool is built twice on one thread, which is what its error needs.
    let _held = threads.build();
    let again = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    let place = Place { file: "a.jsonl".into(), start: 0, row: 3 };
    let reason = BadReason::NotAnObject { found: "a list" };
    let mut errors = vec![
        CorpusError::NotFound { path: path() },
        CorpusError::NoInput { input: "docs/*.md".to_owned() },
        CorpusError::Glob { pattern: "[".to_owned(), source: glob },
        CorpusError::UnknownFormat { path: path(), known: ".jsonl, .csv" },
        CorpusError::Card { path: path(), source: Box::new(card) },
        CorpusError::UnknownConfig {
            path: path(),
            name: "zh".to_owned(),
            known: vec!["en".to_owned()],
        },
        CorpusError::UnknownSplit {
            path: path(),
            name: "dev".to_owned(),
            known: vec!["test".to_owned(), "train".to_owned()],
        },
        CorpusError::UnknownEncoding { label: "gb1234".to_owned() },
        CorpusError::BadRow { place, reason },
        CorpusError::ModelTooLarge { bytes: 9 },
        CorpusError::SpillFull { path: path(), source: io() },
        CorpusError::Io { action: "read", path: path(), source: io() },
        CorpusError::Table { path: path(), source: parquet::errors::ParquetError::EOF("x".into()) },
        CorpusError::Memory { bytes: 9 },
        CorpusError::Interrupted,
    ];
    errors.extend(again.err().map(|source| CorpusError::Threads { count: 2, source }));
    errors
}

#[test]
fn every_error_says_what_and_what_next() {
    let line = |error: &CorpusError| {
        let place = if error.is_environment() { "machine" } else { "input" };
        format!("{error}\n  {place}; hint: {}", error.hint().unwrap_or("none"))
    };
    let errors = errors_of_operators().into_iter().chain(errors_of_files());
    let lines: Vec<String> = errors.map(|error| line(&error)).collect();
    insta::assert_snapshot!("errors", lines.join("\n"));
}
