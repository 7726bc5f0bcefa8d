//! Prompt and completion.

use super::content::need_pair;
use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use super::tools::extras;
use catena_protocol::{CompletionSample, TrainingSample};

/// `prompt` and `completion` as text or messages; other usual pairs of names too.
pub(super) struct Completion;

/// Pairs of columns that mean prompt and completion.
const PAIRS: [(&str, &[&str]); 4] = [
    ("prompt", &["completion", "response", "answer", "output", "chosen_response"]),
    ("question", &["answer", "response", "output"]),
    ("query", &["response", "answer", "output"]),
    ("input", &["output", "target", "response"]),
];

impl Format for Completion {
    fn name(&self) -> &'static str {
        "completion"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["prompt", "completion", "tools"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let found = PAIRS.iter().find_map(|(prompt, completions)| {
            peek.has(prompt).then(|| Some((*prompt, peek.first(completions)?)))?
        });
        let (prompt, completion) = found?;
        let columns = [("prompt", prompt), ("completion", completion), ("tools", "tools")];
        Some((Layout::of(columns), format!("columns `{prompt}` and `{completion}`")))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let (prompt, completion) = need_pair(row, layout)?;
        let extras = extras(row, layout)?;
        Ok(TrainingSample::Completion(CompletionSample { prompt, completion, extras }))
    }
}
