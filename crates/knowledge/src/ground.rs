//! Extractive answers: which sentences of a document answer a question.

use crate::embedder::Embedder;
use crate::error::KnowledgeError;
use crate::sentence::sentences;
use crate::words::content_words;
use catena_protocol::{Chunk, Span};
use std::collections::HashSet;

/// Fewest words of a sentence that can be an answer.
const LEAST_WORDS: usize = 4;
/// Weight of the shared words beside the cosine.
const OVERLAP_WEIGHT: f32 = 0.5;
/// A neighbour joins the answer if it scores at least this share of the best sentence.
const NEIGHBOUR_SHARE: f32 = 0.9;
/// Longest joined answer, in words.
const MAX_JOINED_WORDS: usize = 45;

/// One sentence that may answer.
#[derive(Clone, Debug)]
struct Candidate {
    chunk: usize,
    /// In the document's content.
    span: Span,
    text: String,
    content_words: HashSet<String>,
    num_words: usize,
    embedding: Vec<f32>,
}

/// The answer found in a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Grounded {
    /// Which of the chunks holds it.
    pub chunk: usize,
    /// The quoted range of the document's content: one sentence, or two that follow each other.
    pub span: Span,
    /// The sentences' text joined by a space, without list marks.
    pub text: String,
    /// Cosine plus half the share of the question's content words that the sentence holds.
    pub score: f32,
}

/// The sentences of one document, embedded once and then asked any number of questions.
#[derive(Clone, Debug)]
pub struct Grounding {
    candidates: Vec<Candidate>,
}

impl Grounding {
    /// Finds and embeds the sentences of `chunks` that can be answers: no headings, table rows or
    /// lead-ins ending in a colon, at least four words.
    ///
    /// # Errors
    /// What the embedder meets.
    pub fn new(chunks: &[Chunk], embedder: &dyn Embedder) -> Result<Self, KnowledgeError> {
        let mut candidates = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            for span in sentences(&chunk.text) {
                candidates.extend(candidate(index, chunk, span));
            }
        }
        let texts: Vec<&str> = candidates.iter().map(|one: &Candidate| one.text.as_str()).collect();
        let embeddings = embedder.embed(&texts)?;
        for (one, embedding) in candidates.iter_mut().zip(embeddings) {
            one.embedding = embedding;
        }
        Ok(Self { candidates })
    }

    /// Whether no sentence can be an answer.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The sentence that best answers `question`, joined with the next or previous one of the same
    /// chunk when that scores nearly as well and both are short. `None` without candidates.
    ///
    /// `question_embedding` is the embedder's vector of `question`.
    pub fn answer(&self, question: &str, question_embedding: &[f32]) -> Option<Grounded> {
        let asked: HashSet<String> = content_words(question).into_iter().collect();
        let scores: Vec<f32> =
            self.candidates.iter().map(|one| score(one, &asked, question_embedding)).collect();
        let best = (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a })?;
        let joined = [best.checked_sub(1), Some(best + 1)]
            .into_iter()
            .flatten()
            .filter(|&near| near < scores.len() && self.joins(best, near))
            .filter(|&near| scores[near] >= NEIGHBOUR_SHARE * scores[best])
            .reduce(|a, b| if scores[b] > scores[a] { b } else { a });
        let (first, last) = match joined {
            Some(near) => (best.min(near), best.max(near)),
            None => (best, best),
        };
        let parts: Vec<&str> =
            self.candidates[first..=last].iter().map(|one| one.text.as_str()).collect();
        Some(Grounded {
            chunk: self.candidates[best].chunk,
            span: Span {
                start: self.candidates[first].span.start,
                end: self.candidates[last].span.end,
            },
            text: parts.join(" "),
            score: scores[best],
        })
    }

    /// Whether two candidates stand in one chunk, side by side, and are short together.
    fn joins(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.candidates[a.min(b)], &self.candidates[a.max(b)]);
        let gap = b.span.start - a.span.end.min(b.span.start);
        let short = a.num_words + b.num_words <= MAX_JOINED_WORDS;
        a.chunk == b.chunk && gap <= 6 && short && a.text.ends_with(['.', '!', '?', '。', '！'])
    }
}

/// The sentence at `span` of `chunk`, unless it cannot be an answer.
fn candidate(index: usize, chunk: &Chunk, span: Span) -> Option<Candidate> {
    let text = &chunk.text[span.start..span.end];
    let line_start = chunk.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let is_structure = chunk.text[line_start..].trim_start().starts_with(['#', '|']);
    let is_lead_in = text.ends_with([':', '：', '?', '？']);
    let num_words = crate::words::words(text).len();
    if is_structure || is_lead_in || num_words < LEAST_WORDS {
        return None;
    }
    Some(Candidate {
        chunk: index,
        span: Span { start: chunk.span.start + span.start, end: chunk.span.start + span.end },
        text: text.to_owned(),
        content_words: content_words(text).into_iter().collect(),
        num_words,
        embedding: Vec::new(),
    })
}

/// Cosine plus half the share of the asked words that the sentence holds.
fn score(one: &Candidate, asked: &HashSet<String>, question_embedding: &[f32]) -> f32 {
    let cosine: f32 = one.embedding.iter().zip(question_embedding).map(|(a, b)| a * b).sum();
    let shared = asked.intersection(&one.content_words).count();
    cosine + OVERLAP_WEIGHT * shared as f32 / asked.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_embedder::WordEmbedder;

    fn chunks() -> Vec<Chunk> {
        let content = "## Annual fee\n- The annual fee of the card is $95.\n- Late payments cost \
             $40 per month.\n\n## Limits\nCredit limits start at $500. They may rise after six \
             months.";
        let cut = content.find("\n\n## Limits").unwrap() + 2;
        let chunk = |ordinal: usize, range: std::ops::Range<usize>| Chunk {
            id: format!("d#{ordinal}"),
            document_id: "d".into(),
            title: "Card".into(),
            text: content[range.clone()].trim_end().into(),
            span: Span { start: range.start, end: range.end },
        };
        vec![chunk(0, 0..cut), chunk(1, cut..content.len())]
    }

    fn answer(question: &str) -> Option<Grounded> {
        let embedder = WordEmbedder::new();
        let grounding = Grounding::new(&chunks(), &embedder).unwrap();
        grounding.answer(question, &embedder.embed(&[question]).unwrap()[0])
    }

    #[test]
    fn the_sentence_that_answers_is_quoted_exactly() {
        let found = answer("What is the annual fee of this card?").unwrap();
        assert_eq!(found.text, "The annual fee of the card is $95.");
        assert_eq!(found.chunk, 0);
        let found = answer("How high are credit limits at the start?").unwrap();
        assert_eq!((found.chunk, found.text.as_str()), (1, "Credit limits start at $500."));
        let chunk = &chunks()[1];
        let (start, end) = (found.span.start - chunk.span.start, found.span.end - chunk.span.start);
        assert_eq!(chunk.text[start..end], found.text);
    }

    #[test]
    fn headings_and_fragments_answer_nothing() {
        let embedder = WordEmbedder::new();
        let text = "# Annual fee of the card\nThe fees are as follows, in dollars:\nNone.\n\
             | Annual fee of the card | $95 |";
        let chunk = Chunk {
            id: "d#0".into(),
            document_id: "d".into(),
            title: String::new(),
            text: text.into(),
            span: Span { start: 0, end: text.len() },
        };
        let grounding = Grounding::new(&[chunk], &embedder).unwrap();
        assert!(grounding.is_empty());
        assert_eq!(grounding.answer("fee?", &[0.0; WordEmbedder::DIM]), None);
    }
}
