//! One turn of a conversation.

use super::layout::{Layout, Tags};
use super::reason::DropReason;
use super::tools::{called_in_text, calls_of};
use catena_protocol::{ChatMessage, Role};
use serde_json::Value;

/// Keys of a message that are read, beside the two that [`Tags`] name.
pub(super) const MESSAGE_KEYS: [&str; 13] = [
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "reasoning_content",
    "reasoning",
    "thinking",
    "train",
    "training",
    "loss",
    "weight",
];

/// Keys under which a turn says whether it is trained on.
const TRAIN_KEYS: [&str; 4] = ["train", "training", "loss", "weight"];

/// Who speaks in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    System,
    User,
    Assistant,
    /// The model, calling functions in a turn of text.
    Function,
    Tool,
}

/// Who speaks in `turn` (from 1): by the data set's own tags, then by the names that all know.
pub(super) fn speaker(
    message: &Value,
    layout: &Layout,
    turn: usize,
) -> Result<Speaker, DropReason> {
    let tags = &layout.tags;
    let key = tags.role_tag.as_str();
    let value = message.get(key).ok_or_else(|| DropReason::missing(key))?;
    let name = value.as_str().ok_or_else(|| DropReason::wrong_kind(key, value, "a text"))?;
    let own = [
        (&tags.system_tag, Speaker::System),
        (&tags.user_tag, Speaker::User),
        (&tags.assistant_tag, Speaker::Assistant),
        (&tags.function_tag, Speaker::Function),
        (&tags.observation_tag, Speaker::Tool),
    ];
    if let Some((_, speaker)) = own.iter().find(|(tag, _)| tag.as_deref() == Some(name)) {
        return Ok(*speaker);
    }
    let known = if layout.own_tags_only { String::new() } else { name.to_ascii_lowercase() };
    match known.as_str() {
        "system" | "developer" => Ok(Speaker::System),
        "user" | "human" => Ok(Speaker::User),
        "assistant" | "gpt" | "model" => Ok(Speaker::Assistant),
        "function_call" | "tool_call" => Ok(Speaker::Function),
        "tool" | "function" | "observation" | "tool_response" => Ok(Speaker::Tool),
        _ => Err(DropReason::UnknownRole { turn, found: name.to_owned() }),
    }
}

/// The message of `turn` (from 1).
pub(super) fn message(
    value: &Value,
    tags: &Tags,
    speaker: Speaker,
    turn: usize,
) -> Result<ChatMessage, DropReason> {
    let content = words(value, &tags.content_tag)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let mut message = match speaker {
        Speaker::Function => {
            let (content, mut calls) = (content.unwrap_or_default(), calls_of(value, turn)?);
            let mut said = content.clone();
            if calls.is_empty() {
                (said, calls) = called_in_text(&content, turn)?;
            }
            ChatMessage::calls(Some(said), calls)
        }
        Speaker::Assistant => ChatMessage::calls(content, calls_of(value, turn)?),
        Speaker::System | Speaker::User | Speaker::Tool => {
            let role = match speaker {
                Speaker::System => Role::System,
                Speaker::User => Role::User,
                Speaker::Assistant | Speaker::Function | Speaker::Tool => Role::Tool,
            };
            ChatMessage { content, ..ChatMessage::new(role, "") }
        }
    };
    message.name = text("name");
    message.tool_call_id = text("tool_call_id");
    message.reasoning_content =
        ["reasoning_content", "thinking", "reasoning"].iter().find_map(|key| text(key));
    message.train = trained(value)?;
    if message.content.is_none() && message.tool_calls.is_empty() && speaker != Speaker::Assistant {
        return Err(DropReason::missing(&tags.content_tag));
    }
    Ok(message)
}

/// What is said: a text, or a list of parts that are all texts.
fn words(message: &Value, key: &str) -> Result<Option<String>, DropReason> {
    let parts = match message.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text.clone())),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(DropReason::wrong_kind(key, other, "a text")),
    };
    let mut text = String::new();
    for part in parts {
        let words = part.as_str().or_else(|| part.get("text").and_then(Value::as_str));
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
        match (words, kind) {
            (Some(words), "text" | "input_text" | "output_text") => text.push_str(words),
            (_, kind) => {
                let what = what(kind);
                return Err(DropReason::NotText { what, key: key.to_owned() });
            }
        }
    }
    Ok(Some(text))
}

fn what(kind: &str) -> &'static str {
    match kind {
        "image" | "image_url" | "input_image" => "an image",
        "video" | "video_url" => "a video",
        "audio" | "audio_url" | "input_audio" => "a sound",
        _ => "a part that is not text",
    }
}

/// Whether the turn says that it is trained on, or that it is not.
fn trained(message: &Value) -> Result<Option<bool>, DropReason> {
    for key in TRAIN_KEYS {
        match message.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(flag)) => return Ok(Some(*flag)),
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => return Ok(Some(false)),
            Some(Value::Number(number)) if number.as_f64() == Some(1.0) => return Ok(Some(true)),
            Some(other) => return Err(DropReason::wrong_kind(key, other, "0, 1, true or false")),
        }
    }
    Ok(None)
}
