//! Texts with a class or a score.

use super::fields::as_label;
use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::{ClassificationSample, TrainingSample};

/// A text, perhaps a second one, and a `label`.
pub(super) struct Classification;

/// Columns of a text alone.
const TEXTS: [&str; 4] = ["text", "sentence", "content", "question"];
/// Columns of two texts.
const PAIRS: [(&str, &str); 5] = [
    ("text", "text_pair"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
];
/// Columns of the class.
const LABELS: [&str; 6] = ["label", "category", "intent", "labels", "class", "target"];

impl Format for Classification {
    fn name(&self) -> &'static str {
        "classification"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["text", "text_pair", "label"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let label = peek.first(&LABELS).filter(|key| !peek.is_list(key))?;
        if let Some((first, second)) = PAIRS.iter().find(|(a, b)| peek.has(a) && peek.has(b)) {
            let columns = [("text", *first), ("text_pair", *second), ("label", label)];
            return Some((
                Layout::of(columns),
                format!("columns `{first}`, `{second}` and `{label}`"),
            ));
        }
        let text = peek.first(&TEXTS).filter(|key| peek.is_text(key))?;
        let layout = Layout::of([("text", text), ("label", label)]);
        Some((layout, format!("columns `{text}` and `{label}`")))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let text = row.need_text(layout.need("text"))?.to_owned();
        let text_pair = match layout.column("text_pair") {
            Some(key) => row.text(key)?.map(ToOwned::to_owned),
            None => None,
        };
        let key = layout.need("label");
        let label = as_label(key, row.need(key)?)?;
        Ok(TrainingSample::Classification(ClassificationSample { text, text_pair, label }))
    }
}
