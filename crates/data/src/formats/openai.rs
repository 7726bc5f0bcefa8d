//! OpenAI's chat format: `messages` of `role` and `content`, with tool calls.

use super::format::{Format, Goal, RowView};
use super::layout::{Layout, Peek, Tags};
use super::reason::DropReason;
use super::sharegpt::{detected, parts, read};
use catena_protocol::TrainingSample;

/// `messages` and `tools`; ranked with `chosen` and `rejected` messages, or with `kto_tag`.
///
/// Read as it stands: the chat template judges the order of turns. Through `dataset_info.json` the
/// order must be LLaMA-Factory's; the words on thinking that it adds to system prompts of this
/// format, which one family of models reads, are not added.
pub(super) struct OpenAi(pub(super) Goal);

/// Where messages stand.
const MESSAGES: [&str; 4] = ["messages", "conversations", "conversation", "dialogue"];

impl Format for OpenAi {
    fn name(&self) -> &'static str {
        match self.0 {
            Goal::Learn => "openai",
            Goal::Rank => "openai_ranking",
            Goal::Judge => "openai_kto",
        }
    }

    fn parts(&self) -> &'static [&'static str] {
        parts(self.0)
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let column = peek.first(&MESSAGES)?;
        (peek.tags(column)? == Tags::openai())
            .then(|| detected(self.0, peek, column, self.default_layout()))?
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts()).with_tags(Tags::openai())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        read(self.0, row, layout)
    }
}
