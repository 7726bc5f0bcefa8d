//! Words with a class for each.

use super::fields::{as_label, as_list};
use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::{TokenLabelSample, TrainingSample};

/// `tokens` and `labels` (or `ner_tags`, `tags`), lists of one length.
pub(super) struct TokenLabels;

const WORDS: [&str; 2] = ["tokens", "words"];
const LABELS: [&str; 5] = ["ner_tags", "tags", "labels", "pos_tags", "chunk_tags"];

impl Format for TokenLabels {
    fn name(&self) -> &'static str {
        "token_labels"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["tokens", "labels"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let words = peek.first(&WORDS).filter(|key| peek.is_list(key))?;
        let labels = peek.first(&LABELS).filter(|key| peek.is_list(key))?;
        let layout = Layout::of([("tokens", words), ("labels", labels)]);
        Some((layout, format!("columns `{words}` and `{labels}`")))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let (words, key) = (layout.need("tokens"), layout.need("labels"));
        row.need(words)?;
        let tokens = row.texts(words)?;
        let labels = as_list(key, row.need(key)?)?;
        let labels = labels.iter().map(|label| as_label(key, label));
        let labels = labels.collect::<Result<Vec<_>, _>>()?;
        if tokens.len() != labels.len() {
            return Err(DropReason::LabelCount { words: tokens.len(), labels: labels.len() });
        }
        Ok(TrainingSample::TokenLabels(TokenLabelSample { tokens, labels }))
    }
}
