//! TRL's preference rows: `chosen` and `rejected`, with a `prompt` or with the prompt in both, and a
//! `margin` for reward models.

use super::content::{alike, content};
use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use super::tools::extras;
use catena_protocol::{ChatMessage, Content, PreferenceSample, Role, TrainingSample};
use serde_json::Value;

/// Texts or messages.
///
/// The prompt is taken out of the answers as TRL's `maybe_extract_prompt` does. Where a prompt is
/// given as text and the answers as messages that hold no prompt, it is the person's turn; where it
/// is given as messages, answers may be text, which TRL compares letter by letter.
pub(super) struct Preference;

impl Format for Preference {
    fn name(&self) -> &'static str {
        "preference"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["prompt", "chosen", "rejected", "margin", "tools"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        if !peek.has("chosen") || !peek.has("rejected") {
            return None;
        }
        let mut layout = self.default_layout();
        let reason = match peek.first(&["prompt", "question"]) {
            Some(prompt) => {
                layout.columns.insert("prompt".to_owned(), prompt.to_owned());
                format!("columns `{prompt}`, `chosen` and `rejected`")
            }
            None => "columns `chosen` and `rejected`, which hold the prompt".to_owned(),
        };
        Some((layout, reason))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let (chosen_key, rejected_key) = (layout.need("chosen"), layout.need("rejected"));
        let (chosen, rejected) = (row.need(chosen_key)?, row.need(rejected_key)?);
        let prompt_key = layout.need("prompt");
        let given = row.get(prompt_key);
        // A prompt written as text beside whole conversations is their first turn once more.
        let repeated = given.is_some_and(Value::is_string) && chosen.is_array();
        let explicit = (given.is_some() && !repeated) || chosen.is_object();
        let (prompt, chosen, rejected) = if explicit {
            let prompt = given.ok_or_else(|| DropReason::missing(prompt_key))?;
            (
                content(prompt_key, prompt)?,
                content(chosen_key, chosen)?,
                content(rejected_key, rejected)?,
            )
        } else {
            extract(chosen_key, chosen, rejected_key, rejected)?
        };
        let prompt = match (given, prompt) {
            (Some(Value::String(text)), Content::Messages(none)) if none.is_empty() => {
                Content::Messages(vec![ChatMessage::new(Role::User, text.as_str())])
            }
            (_, prompt) => prompt,
        };
        if matches!(&prompt, Content::Messages(none) if none.is_empty()) {
            return Err(DropReason::NoPrompt);
        }
        let (prompt, mut answers) = alike(prompt, vec![chosen, rejected]);
        let (rejected, chosen) = (answers.pop(), answers.pop());
        let chosen = chosen.ok_or_else(|| DropReason::missing(chosen_key))?;
        let rejected = rejected.ok_or_else(|| DropReason::missing(rejected_key))?;
        let margin = layout.column("margin").map_or(Ok(None), |key| row.number(key))?;
        let extras = extras(row, layout)?;
        let pair = PreferenceSample { prompt, chosen, rejected, margin, extras };
        Ok(TrainingSample::Preference(pair))
    }
}

/// Takes the prompt out of two answers that begin with it.
fn extract(
    chosen_key: &str,
    chosen: &Value,
    rejected_key: &str,
    rejected: &Value,
) -> Result<(Content, Content, Content), DropReason> {
    match (chosen, rejected) {
        (Value::Array(a), Value::Array(b)) => {
            let at = parting(a, b);
            let part = |key: &str, list: &[Value]| content(key, &Value::Array(list.to_vec()));
            let prompt = part(chosen_key, &a[..at])?;
            Ok((prompt, part(chosen_key, &a[at..])?, part(rejected_key, &b[at..])?))
        }
        (Value::String(a), Value::String(b)) => {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            let mut at = parting(&a, &b);
            let differ = a.get(at) != b.get(at);
            // A space belongs to the answer, which is tokenized with it.
            if differ && at > 0 && a[at - 1] == ' ' {
                at -= 1;
            }
            let part = |chars: &[char]| Content::Text(chars.iter().collect());
            Ok((part(&a[..at]), part(&a[at..]), part(&b[at..])))
        }
        (Value::Array(_) | Value::String(_), other) => {
            Err(DropReason::wrong_kind(rejected_key, other, "the same as `chosen`"))
        }
        (other, _) => Err(DropReason::wrong_kind(chosen_key, other, "a text or messages")),
    }
}

/// The first place where two lists differ; their last common place if none does, so that neither
/// answer is empty unless a list is.
fn parting<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let common = a.len().min(b.len());
    let differ = (0..common).find(|&at| a[at] != b[at]);
    differ.unwrap_or_else(|| common.saturating_sub(1))
}
