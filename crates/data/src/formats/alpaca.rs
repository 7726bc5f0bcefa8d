//! Alpaca: an instruction, perhaps with input and history, and an answer.

use super::fields::Fields;
use super::format::{Format, Goal, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use super::sharegpt::JUDGEMENTS;
use super::tools::extras;
use catena_protocol::{
    ChatMessage, ChatSample, Content, PreferenceSample, Role, TrainingSample, UnpairedSample,
};
use serde_json::Value;

/// `instruction`, `input`, `output`, `system`, `history`; with `chosen` and `rejected`, or with
/// `kto_tag`.
///
/// The semantics are LLaMA-Factory's: the prompt is the instruction and the input with a line end
/// between, and answers of the history are learned too. A judgement that is not true or false drops
/// its row, where LLaMA-Factory drops it later.
pub(super) struct Alpaca(pub(super) Goal);

/// Columns of the input, and of the answer, in sets made after Alpaca's.
const INPUTS: [&str; 2] = ["input", "context"];
const OUTPUTS: [&str; 4] = ["output", "response", "answer", "completion"];

const COMMON: [&str; 6] = ["prompt", "query", "response", "history", "system", "tools"];

impl Format for Alpaca {
    fn name(&self) -> &'static str {
        match self.0 {
            Goal::Learn => "alpaca",
            Goal::Rank => "alpaca_ranking",
            Goal::Judge => "alpaca_kto",
        }
    }

    fn parts(&self) -> &'static [&'static str] {
        match self.0 {
            Goal::Learn => &COMMON,
            Goal::Rank => &["prompt", "query", "history", "system", "tools", "chosen", "rejected"],
            Goal::Judge => {
                &["prompt", "query", "response", "history", "system", "tools", "kto_tag"]
            }
        }
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        if !peek.has("instruction") {
            return None;
        }
        let mut layout = self.default_layout();
        let mut name = |part: &str, column: &str| {
            layout.columns.insert(part.to_owned(), column.to_owned());
        };
        if let Some(input) = peek.first(&INPUTS) {
            name("query", input);
        }
        let mut needed = match self.0 {
            Goal::Rank => vec!["chosen", "rejected"],
            Goal::Learn | Goal::Judge => {
                let output = peek.first(&OUTPUTS)?;
                name("response", output);
                vec![output]
            }
        };
        if self.0 == Goal::Judge {
            let tag = peek.first_bool(&JUDGEMENTS)?;
            name("kto_tag", tag);
            needed.push(tag);
        }
        if !needed.iter().all(|key| peek.has(key)) {
            return None;
        }
        Some((layout, format!("columns `instruction` and `{}`", needed.join("` and `"))))
    }

    fn default_layout(&self) -> Layout {
        let own = Layout::named(self.parts());
        let renamed = [("prompt", "instruction"), ("query", "input"), ("response", "output")];
        let renamed =
            Layout::of(renamed.into_iter().filter(|(part, _)| own.column(part).is_some()));
        Layout { columns: own.columns.into_iter().chain(renamed.columns).collect(), ..own }
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let (mut messages, extras) = (prompt(row, layout)?, extras(row, layout)?);
        let answer = |part: &str| {
            let text = row.need_text(layout.need(part))?;
            Ok(ChatMessage::new(Role::Assistant, text))
        };
        let content = |message| Content::Messages(vec![message]);
        match self.0 {
            Goal::Learn => {
                messages.push(answer("response")?);
                Ok(TrainingSample::Chat(ChatSample { messages, extras }))
            }
            Goal::Rank => {
                let (chosen, rejected) = (answer("chosen")?, answer("rejected")?);
                let (chosen, rejected) = (content(chosen), content(rejected));
                let prompt = Content::Messages(messages);
                let pair = PreferenceSample { prompt, chosen, rejected, margin: None, extras };
                Ok(TrainingSample::Preference(pair))
            }
            Goal::Judge => {
                let label = row.need_bool(layout.need("kto_tag"))?;
                let completion = content(answer("response")?);
                let prompt = Content::Messages(messages);
                let judged = UnpairedSample { prompt, completion, label, extras };
                Ok(TrainingSample::Unpaired(judged))
            }
        }
    }
}

/// Everything before the answer.
fn prompt(row: Fields<'_>, layout: &Layout) -> Result<Vec<ChatMessage>, DropReason> {
    let text = |part: &str| match layout.column(part) {
        Some(key) => Ok(row.text(key)?.filter(|text| !text.is_empty())),
        None => Ok(None),
    };
    let mut messages = Vec::new();
    messages.extend(text("system")?.map(|text| ChatMessage::new(Role::System, text)));
    if let Some(key) = layout.column("history")
        && let Some(Value::Array(pairs)) = row.get(key)
    {
        for pair in pairs {
            let (question, answer) = exchange(key, pair)?;
            messages.push(ChatMessage::new(Role::User, question));
            messages.push(ChatMessage::new(Role::Assistant, answer));
        }
    }
    let parts: Vec<&str> = text("prompt")?.into_iter().chain(text("query")?).collect();
    messages.push(ChatMessage::new(Role::User, parts.join("\n")));
    Ok(messages)
}

/// A question and its answer in the history.
fn exchange<'v>(key: &str, pair: &'v Value) -> Result<(&'v str, &'v str), DropReason> {
    let texts = pair.as_array().map(Vec::as_slice);
    match texts {
        Some([Value::String(question), Value::String(answer)]) => Ok((question, answer)),
        _ => Err(DropReason::wrong_kind(key, pair, "pairs of a question and an answer")),
    }
}
