//! What training and held-out records must not share.

use crate::error::{DataError, LeakKind};
use crate::record::{Record, Split};
use catena_protocol::without_marks;
use serde::Serialize;
use std::collections::HashMap;
use unicode_segmentation::UnicodeSegmentation;

/// How many training records were dropped for each kind of leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeakReport {
    /// Showed a held-out document.
    pub documents: usize,
    /// Asked a held-out question.
    pub questions: usize,
    /// Shared an answer sentence with a held-out record.
    pub answer_sentences: usize,
}

/// Drops every training record that shares a document, a question or an answer sentence with a
/// held-out one. Held-out records stay, so that the measure does not change.
pub fn drop_leaks(records: &mut Vec<Record>) -> LeakReport {
    let heldout = Seen::of_heldout(records);
    let mut report = LeakReport::default();
    let mut leaks = vec![false; records.len()];
    for (leak, record) in leaks.iter_mut().zip(records.iter()) {
        let Some((kind, _, _)) = heldout.leak(record) else { continue };
        *leak = true;
        match kind {
            LeakKind::Document => report.documents += 1,
            LeakKind::Question => report.questions += 1,
            LeakKind::AnswerSentence => report.answer_sentences += 1,
        }
    }
    let mut leaks = leaks.into_iter();
    records.retain(|_| !leaks.next().unwrap_or(false));
    report
}

/// Checks that no training record shares anything with a held-out one.
///
/// A held-out document may neither be the source nor among the passages of a training record.
/// Questions and answer sentences are compared by their words, lower-cased, marks removed.
///
/// # Errors
/// [`DataError::Leak`] with the first pair found.
pub fn check_leaks(records: &[Record]) -> Result<(), DataError> {
    let heldout = Seen::of_heldout(records);
    let found = records.iter().find_map(|record| Some((record, heldout.leak(record)?)));
    match found {
        None => Ok(()),
        Some((record, (kind, value, heldout))) => {
            let (train, heldout) = (record.id.clone(), heldout.to_owned());
            Err(DataError::Leak { kind, value, train, heldout })
        }
    }
}

/// What the held-out records hold, each with the id of one record that holds it.
struct Seen {
    documents: HashMap<String, String>,
    questions: HashMap<String, String>,
    sentences: HashMap<String, String>,
}

impl Seen {
    fn of_heldout(records: &[Record]) -> Self {
        let heldout = || records.iter().filter(|record| record.split == Split::Heldout);
        let id = |record: &Record| record.id.clone();
        Self {
            documents: heldout().map(|one| (one.document_id.clone(), id(one))).collect(),
            questions: heldout().map(|one| (plain(&one.question), id(one))).collect(),
            sentences: heldout()
                .flat_map(|one| answer_sentences(one).into_iter().map(move |text| (text, id(one))))
                .collect(),
        }
    }

    /// What the training record `record` shares: its kind, its value and the held-out record.
    fn leak(&self, record: &Record) -> Option<(LeakKind, String, &str)> {
        if record.split == Split::Heldout {
            return None;
        }
        let shown = record.passages.iter().map(|passage| passage.document_id.clone());
        let documents: Vec<String> = shown.chain([record.document_id.clone()]).collect();
        let shared = |kind, values: Vec<String>, seen: &'_ HashMap<String, String>| {
            values.into_iter().find(|value| seen.contains_key(value)).map(|value| (kind, value))
        };
        let (kind, value) = shared(LeakKind::Document, documents, &self.documents)
            .or_else(|| shared(LeakKind::Question, vec![plain(&record.question)], &self.questions))
            .or_else(|| {
                shared(LeakKind::AnswerSentence, answer_sentences(record), &self.sentences)
            })?;
        let seen = match kind {
            LeakKind::Document => &self.documents,
            LeakKind::Question => &self.questions,
            LeakKind::AnswerSentence => &self.sentences,
        };
        let heldout = seen.get(&value)?;
        Some((kind, value, heldout))
    }
}

fn answer_sentences(record: &Record) -> Vec<String> {
    let answer = without_marks(&record.answer);
    let sentences = answer.unicode_sentences().map(plain);
    sentences.filter(|sentence| !sentence.is_empty()).collect()
}

/// The words of `text`, lower-cased, one space between them.
pub(crate) fn plain(text: &str) -> String {
    text.to_lowercase().unicode_words().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordPassage;
    use catena_protocol::Span;

    fn record(id: &str, split: Split, question: &str, answer: &str) -> Record {
        let document_id = format!("doc-{id}");
        let passage = RecordPassage {
            number: 1,
            chunk_id: format!("{document_id}#0"),
            document_id: document_id.clone(),
            title: String::new(),
            text: String::new(),
            span: Span { start: 0, end: 0 },
        };
        Record {
            id: id.into(),
            document_id,
            split,
            question: question.into(),
            passages: vec![passage],
            messages: vec![],
            answer: answer.into(),
            citation: 1,
        }
    }

    fn set() -> Vec<Record> {
        vec![
            record("h", Split::Heldout, "What is the fee?", "The fee is $5. Ask us. [1]"),
            record("t", Split::Train, "What is the rate?", "The rate is 2%. [1]"),
        ]
    }

    #[test]
    fn clean_splits_pass() {
        assert!(check_leaks(&set()).is_ok());
        assert_eq!(drop_leaks(&mut set()), LeakReport::default());
    }

    #[test]
    fn every_kind_of_leak_is_found_and_dropped() {
        let mut by_passage = set();
        by_passage[1].passages[0].document_id = "doc-h".into();
        let mut by_question = set();
        by_question[1].question = "what is THE fee".into();
        let mut by_sentence = set();
        by_sentence[1].answer = "The rate is 2%. Ask us! [1]".into();

        let error = |records: &[Record]| check_leaks(records).unwrap_err();
        insta::assert_snapshot!(error(&by_passage), @r#"records `t` (train) and `h` (held out) share a document: "doc-h""#);
        insta::assert_snapshot!(error(&by_question), @r#"records `t` (train) and `h` (held out) share a question: "what is the fee""#);
        insta::assert_snapshot!(error(&by_sentence), @r#"records `t` (train) and `h` (held out) share an answer sentence: "ask us""#);
        for mut records in [by_passage, by_question, by_sentence] {
            let report = drop_leaks(&mut records);
            assert_eq!(report.documents + report.questions + report.answer_sentences, 1);
            assert_eq!(records.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["h"]);
            assert!(check_leaks(&records).is_ok());
        }
    }
}
