//! Plain text.

use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::{TextSample, TrainingSample};

/// `text`, and nothing that would make it something else.
pub(super) struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["text"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let column = peek.first(&["text", "content"]).filter(|key| peek.is_text(key))?;
        Some((Layout::of([("text", column)]), format!("column `{column}`")))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let text = row.need_text(layout.need("text"))?.to_owned();
        Ok(TrainingSample::Text(TextSample { text }))
    }
}
