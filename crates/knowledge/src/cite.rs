//! From an answer's marks to ranges of documents.

use crate::sentence::sentences;
use crate::words::words;
use catena_protocol::{Citation, Passage, Span, marks};
use std::collections::HashMap;

/// Most sentences in a row that one citation quotes.
const MAX_QUOTED_SENTENCES: usize = 3;

/// A statement of an answer with what it is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cited {
    /// Where the statement stands in the answer, in bytes, without its mark.
    pub statement: Span,
    /// What the mark points at.
    pub citation: Citation,
}

/// Resolves the marks of `answer` against `passages`, numbered from 1 in their order.
///
/// One citation per passage that is marked, in order of first mark; marks without a passage are
/// ignored. The span is the run of at most three sentences of the passage that shares most words
/// with the statement before the mark (F1 over words, so a verbatim quote is found exactly), or
/// the whole passage when it shares none.
pub fn cite(answer: &str, passages: &[Passage]) -> Vec<Citation> {
    let mut citations: Vec<Citation> = Vec::new();
    for Cited { citation, .. } in cite_statements(answer, passages) {
        if citations.iter().all(|known| known.number != citation.number) {
            citations.push(citation);
        }
    }
    citations
}

/// The same for every mark that has a passage, each with the statement before it. Marks that follow
/// one another belong to one statement.
pub fn cite_statements(answer: &str, passages: &[Passage]) -> Vec<Cited> {
    let mut cited = Vec::new();
    let (mut from, mut statement) = (0, Span { start: 0, end: 0 });
    for mark in marks(answer) {
        let before = Span { start: from, end: mark.start };
        from = mark.end;
        if answer[before.start..before.end].chars().any(char::is_alphanumeric) {
            statement = before;
        }
        let Some(passage) = passages.get(mark.number - 1) else { continue };
        let said = &answer[statement.start..statement.end];
        let citation = quote(mark.number, said, passage);
        cited.push(Cited { statement: bare(said, statement), citation });
    }
    cited
}

/// `span` of `text` without the space around it and the stops of the statement before.
fn bare(text: &str, span: Span) -> Span {
    let is_between = |c: char| c.is_whitespace() || ".,;:!?。，；：！？、".contains(c);
    let start = text.len() - text.trim_start_matches(is_between).len();
    let end = text.trim_end().len().max(start);
    Span { start: span.start + start, end: span.start + end }
}

/// The citation of `passage` for `statement`.
fn quote(number: usize, statement: &str, passage: &Passage) -> Citation {
    let chunk = &passage.chunk;
    let part = best_run(statement, &chunk.text).unwrap_or(Span { start: 0, end: chunk.text.len() });
    Citation {
        number,
        document_id: chunk.document_id.clone(),
        title: chunk.title.clone(),
        span: Span { start: chunk.span.start + part.start, end: chunk.span.start + part.end },
        quote: chunk.text[part.start..part.end].to_owned(),
    }
}

/// The run of sentences of `text` nearest to `statement`, the shortest and earliest among equals.
fn best_run(statement: &str, text: &str) -> Option<Span> {
    let statement = counts(words(statement));
    let spans = sentences(text);
    let sentence_words: Vec<Vec<String>> =
        spans.iter().map(|span| words(&text[span.start..span.end])).collect();
    let mut best: Option<(f32, Span)> = None;
    for len in 1..=MAX_QUOTED_SENTENCES.min(spans.len()) {
        for first in 0..=spans.len() - len {
            let run = counts(sentence_words[first..first + len].concat());
            let score = overlap_f1(&statement, &run);
            if score > best.map_or(0.0, |(score, _)| score) {
                let span = Span { start: spans[first].start, end: spans[first + len - 1].end };
                best = Some((score, span));
            }
        }
    }
    best.map(|(_, span)| span)
}

fn counts(words: Vec<String>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// F1 of two bags of words: `2 |A ∩ B| / (|A| + |B|)`.
fn overlap_f1(a: &HashMap<String, usize>, b: &HashMap<String, usize>) -> f32 {
    let shared: usize =
        a.iter().map(|(word, &count)| count.min(b.get(word).copied().unwrap_or(0))).sum();
    let total = a.values().sum::<usize>() + b.values().sum::<usize>();
    if total == 0 { 0.0 } else { 2.0 * shared as f32 / total as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_protocol::Chunk;

    /// Passages of documents in which the chunk starts at byte 100.
    fn passages() -> Vec<Passage> {
        let texts = [
            "## Fees\n- The annual fee is $95.\n- Late fees are $40 per month.",
            "年费为零。逾期费为四十元。",
        ];
        let passage = |(index, text): (usize, &&str)| Passage {
            chunk: Chunk {
                id: format!("d{index}#1"),
                document_id: format!("d{index}"),
                title: "T".into(),
                text: (*text).into(),
                span: Span { start: 100, end: 100 + text.len() },
            },
            score: 1.0,
        };
        texts.iter().enumerate().map(passage).collect()
    }

    #[track_caller]
    fn check(answer: &str, expected: &[(usize, &str)]) {
        let passages = passages();
        let found = cite(answer, &passages);
        let quotes: Vec<(usize, &str)> =
            found.iter().map(|one| (one.number, one.quote.as_str())).collect();
        assert_eq!(quotes, expected, "citations of {answer:?}");
        for citation in &found {
            let chunk = &passages[citation.number - 1].chunk;
            assert_eq!(citation.document_id, chunk.document_id);
            let (start, end) = (citation.span.start - 100, citation.span.end - 100);
            assert_eq!(chunk.text[start..end], citation.quote);
        }
    }

    #[test]
    fn each_mark_belongs_to_the_statement_before_it() {
        let answer = "[1] 年费为零 [2]。 The fee is $95. [1][2] So: [9] more, [1]";
        let cited = cite_statements(answer, &passages());
        let told: Vec<(usize, &str)> = cited
            .iter()
            .map(|one| (one.citation.number, &answer[one.statement.start..one.statement.end]))
            .collect();
        let fee = "The fee is $95.";
        assert_eq!(told, [(1, ""), (2, "年费为零"), (1, fee), (2, fee), (1, "more,")]);
        assert_eq!(cited[2].citation.quote, "The annual fee is $95.");
    }

    #[test]
    fn a_verbatim_quote_is_found_exactly() {
        check("The annual fee is $95. [1]", &[(1, "The annual fee is $95.")]);
        check("逾期费为四十元。[2]", &[(2, "逾期费为四十元。")]);
    }

    #[test]
    fn a_paraphrase_finds_the_nearest_sentences() {
        check("You pay $40 each month when late [1].", &[(1, "Late fees are $40 per month.")]);
        let both = "The annual fee is $95. Late fees are $40 per month. [1]";
        check(both, &[(1, "The annual fee is $95.\n- Late fees are $40 per month.")]);
    }

    #[test]
    fn each_passage_is_cited_once_and_unknown_marks_are_ignored() {
        check(
            "The annual fee is $95 [1][2] and more [1] [7].",
            &[(1, "The annual fee is $95."), (2, "年费为零。逾期费为四十元。")],
        );
        check("No marks.", &[]);
        check("[1]", &[(1, passages()[0].chunk.text.as_str())]);
    }
}
