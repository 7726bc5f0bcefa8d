//! TRL's unpaired preference: a completion with a judgement.

use super::content::need_pair;
use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use super::sharegpt::JUDGEMENTS;
use super::tools::extras;
use catena_protocol::{TrainingSample, UnpairedSample};

/// `prompt`, `completion` and a `label` that is true or false.
pub(super) struct Unpaired;

impl Format for Unpaired {
    fn name(&self) -> &'static str {
        "unpaired"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["prompt", "completion", "label", "tools"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let number = || Some("label").filter(|key| peek.is_zero_or_one(key));
        let label = peek.first_bool(&JUDGEMENTS).or_else(number)?;
        let completion = peek.first(&["completion", "response"])?;
        peek.has("prompt").then(|| {
            let columns = [("prompt", "prompt"), ("completion", completion), ("label", label)];
            let layout = Layout::of(columns.into_iter().chain([("tools", "tools")]));
            let columns = format!("columns `prompt` and `{completion}`");
            (layout, format!("{columns}, and `{label}` is true or false"))
        })
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let (prompt, completion) = need_pair(row, layout)?;
        let (label, extras) = (row.need_bool(layout.need("label"))?, extras(row, layout)?);
        Ok(TrainingSample::Unpaired(UnpairedSample { prompt, completion, label, extras }))
    }
}
