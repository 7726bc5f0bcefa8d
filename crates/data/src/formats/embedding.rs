//! Pairs and triplets for embeddings.

use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::{EmbeddingSample, TrainingSample};

/// `anchor`, `positive` and `negative` (one text or a list), or two sentences with a `score`.
pub(super) struct Embedding;

/// Columns of a text and of one that belongs to it.
const PAIRS: [(&str, &str); 6] = [
    ("anchor", "positive"),
    ("query", "positive"),
    ("query", "pos"),
    ("question", "positive"),
    ("sentence1", "sentence2"),
    ("sentence_A", "sentence_B"),
];
const NEGATIVES: [&str; 5] = ["negative", "negatives", "neg", "hard_negative", "hard_negatives"];
const SCORES: [&str; 2] = ["score", "similarity_score"];

impl Format for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["anchor", "positive", "negatives", "score"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let (anchor, positive) = *PAIRS.iter().find(|(a, b)| peek.has(a) && peek.has(b))?;
        let (negatives, score) = (peek.first(&NEGATIVES), peek.first(&SCORES));
        // Two sentences alone may also be a pair to classify; a score tells.
        if positive.starts_with("sentence") && score.is_none() {
            return None;
        }
        let columns = [("anchor", Some(anchor)), ("positive", Some(positive))];
        let columns = columns.into_iter().chain([("negatives", negatives), ("score", score)]);
        let columns: Vec<(&str, &str)> = columns.filter_map(|(a, b)| Some((a, b?))).collect();
        let names: Vec<&str> = columns.iter().map(|(_, column)| *column).collect();
        Some((Layout::of(columns), format!("columns `{}`", names.join("`, `"))))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let anchor = row.need_text(layout.need("anchor"))?.to_owned();
        let key = layout.need("positive");
        let positive = row.texts(key)?.into_iter().next();
        let positive = positive.ok_or_else(|| DropReason::missing(key))?;
        let negatives = layout.column("negatives").map_or(Ok(Vec::new()), |key| row.texts(key))?;
        let score = layout.column("score").map_or(Ok(None), |key| row.number(key))?;
        Ok(TrainingSample::Embedding(EmbeddingSample { anchor, positive, negatives, score }))
    }
}
