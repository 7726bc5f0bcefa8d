//! ShareGPT and OpenAI: a conversation in a list of turns.

use super::conversation::{answer, turns};
use super::format::{Format, Goal, RowView};
use super::layout::{Layout, Peek, Tags, TurnRule};
use super::reason::DropReason;
use super::tools::extras;
use catena_protocol::{
    ChatExtras, ChatMessage, ChatSample, Content, PreferenceSample, TrainingSample, UnpairedSample,
};

/// `conversations` of `from` and `value`; with `chosen` and `rejected` turns, or with `kto_tag`.
///
/// The semantics are LLaMA-Factory's. A ranked answer that is not the model's is dropped, where
/// LLaMA-Factory warns and trains on it.
pub(super) struct ShareGpt(pub(super) Goal);

/// Where conversations stand.
const CONVERSATIONS: [&str; 4] = ["conversations", "conversation", "messages", "dialogue"];
/// Where a judgement stands.
pub(super) const JUDGEMENTS: [&str; 2] = ["kto_tag", "label"];
pub(super) const LEARN: [&str; 3] = ["messages", "system", "tools"];
pub(super) const RANK: [&str; 5] = ["messages", "system", "tools", "chosen", "rejected"];
pub(super) const JUDGE: [&str; 4] = ["messages", "system", "tools", "kto_tag"];

impl Format for ShareGpt {
    fn name(&self) -> &'static str {
        match self.0 {
            Goal::Learn => "sharegpt",
            Goal::Rank => "sharegpt_ranking",
            Goal::Judge => "sharegpt_kto",
        }
    }

    fn parts(&self) -> &'static [&'static str] {
        parts(self.0)
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let column = peek.first(&CONVERSATIONS)?;
        (peek.tags(column)? == Tags::sharegpt())
            .then(|| detected(self.0, peek, column, self.default_layout()))?
    }

    fn default_layout(&self) -> Layout {
        let layout = Layout::named(self.parts()).with_rule(TurnRule::Alternating);
        with_column(layout, "messages", "conversations")
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        read(self.0, row, layout)
    }
}

pub(super) fn parts(goal: Goal) -> &'static [&'static str] {
    match goal {
        Goal::Learn => &LEARN,
        Goal::Rank => &RANK,
        Goal::Judge => &JUDGE,
    }
}

/// The layout with `part` in `column`.
pub(super) fn with_column(mut layout: Layout, part: &str, column: &str) -> Layout {
    layout.columns.insert(part.to_owned(), column.to_owned());
    layout
}

/// Completes what was found in `column` by what `goal` needs beside it.
pub(super) fn detected(
    goal: Goal,
    peek: &Peek<'_>,
    column: &str,
    layout: Layout,
) -> Option<(Layout, String)> {
    let mut layout = with_column(layout, "messages", column);
    let tags = &layout.tags;
    let keys = format!("`{column}` of `{}` and `{}`", tags.role_tag, tags.content_tag);
    let reason = match goal {
        Goal::Learn => format!("column {keys}"),
        Goal::Rank => {
            let ranked = ["chosen", "rejected"].iter().all(|key| peek.is_object(key));
            ranked.then(|| format!("columns {keys}, `chosen` and `rejected`"))?
        }
        Goal::Judge => {
            let tag = peek.first_bool(&JUDGEMENTS)?;
            layout = with_column(layout, "kto_tag", tag);
            format!("columns {keys}, and `{tag}` is true or false")
        }
    };
    Some((layout, reason))
}

/// Reads a conversation for `goal`.
pub(super) fn read(
    goal: Goal,
    row: RowView<'_>,
    layout: &Layout,
) -> Result<TrainingSample, DropReason> {
    let mut messages = turns(row, layout, goal != Goal::Rank)?;
    let extras = extras(row, layout)?;
    match goal {
        Goal::Learn => Ok(TrainingSample::Chat(ChatSample { messages, extras })),
        Goal::Rank => {
            let one = |part: &str| answer(row.need(layout.need(part))?, layout);
            Ok(ranked(messages, one("chosen")?, one("rejected")?, extras))
        }
        Goal::Judge => {
            let label = row.need_bool(layout.need("kto_tag"))?;
            let completion = messages.pop().into_iter().collect();
            let (prompt, completion) = (Content::Messages(messages), Content::Messages(completion));
            let judged = UnpairedSample { prompt, completion, label, extras };
            Ok(TrainingSample::Unpaired(judged))
        }
    }
}

fn ranked(
    prompt: Vec<ChatMessage>,
    chosen: ChatMessage,
    rejected: ChatMessage,
    extras: ChatExtras,
) -> TrainingSample {
    let (chosen, rejected) = (Content::Messages(vec![chosen]), Content::Messages(vec![rejected]));
    let prompt = Content::Messages(prompt);
    TrainingSample::Preference(PreferenceSample { prompt, chosen, rejected, margin: None, extras })
}
