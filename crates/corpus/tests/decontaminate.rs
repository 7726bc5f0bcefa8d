//! Decontamination against DataTrove's verdicts.

#![expect(clippy::unwrap_used, reason = "tests: what fails shall panic")]

use catena_corpus::{BenchmarkItem, DecontaminationOptions, Decontaminator};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    normalized: Vec<(String, String)>,
    items: Vec<Item>,
    documents: Vec<Document>,
}

#[derive(Deserialize)]
struct Item {
    benchmark: String,
    query: String,
    text: String,
    query_words: Vec<String>,
    text_words: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    text: String,
    words: Vec<String>,
    clean: bool,
    ngram: Option<String>,
    benchmark: Option<String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/decontaminate/decontaminate.json")).unwrap()
}

/// Words as spelled for comparison, told by looking for the whole text in itself.
fn spelled(text: &str) -> String {
    let single =
        DecontaminationOptions { ngram: 100, shortest: 1, ..DecontaminationOptions::datatrove() };
    let mut index = Decontaminator::build([("text", text)], &single).unwrap();
    index.check(text).map_or_else(String::new, |found| found.ngram)
}

#[test]
fn texts_are_spelled_as_datatrove_spells_them() {
    for (raw, expected) in golden().normalized {
        // DataTrove keeps white space that only a diacritic parted.
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(spelled(&raw), expected.join(" "), "from {raw:?}");
    }
}

#[test]
fn the_same_words_have_the_same_verdict() {
    let golden = golden();
    let items =
        golden.items.into_iter().map(|one| (one.benchmark, one.query_words, one.text_words));
    let mut index =
        Decontaminator::build_from_words(items, &DecontaminationOptions::datatrove()).unwrap();
    let dirty = golden.documents.iter().filter(|document| !document.clean).count();
    assert!((10..70).contains(&dirty), "both verdicts are in the set: {dirty}");
    for document in &golden.documents {
        let words: Vec<&str> = document.words.iter().map(String::as_str).collect();
        let found = index.check_words(&words);
        let found = found.map(|found| (found.ngram, found.benchmark));
        let expected = document.ngram.clone().zip(document.benchmark.clone());
        assert_eq!(found, expected, "in {:?}", document.text);
    }
}

#[test]
fn our_own_words_differ_only_where_spacy_cuts_one_in_two() {
    let golden = golden();
    let items = golden.items.iter().map(|one| BenchmarkItem {
        benchmark: &one.benchmark,
        query: Some(&one.query),
        text: &one.text,
    });
    let mut index = Decontaminator::build(items, &DecontaminationOptions::datatrove()).unwrap();
    for document in &golden.documents {
        let is_clean = index.check(&document.text).is_none();
        let has_cut = document.words.join(" ") != spelled_all(&document.words, &document.text);
        assert!(is_clean == document.clean || has_cut, "in {:?}", document.text);
    }
}

/// The words of `text` as we spell them, however many there are.
fn spelled_all(words: &[String], text: &str) -> String {
    if words.is_empty() { String::new() } else { spelled(text) }
}
