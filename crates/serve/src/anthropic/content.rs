//! Messages and their blocks.

use crate::error::ApiError;
use crate::turn::{check_messages, role};
use catena_protocol::{ChatMessage, FunctionCall, Role, ToolCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// One turn.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicMessage")]
pub(super) struct WireMessage {
    #[schemars(extend("enum" = ["user", "assistant", "system"]))]
    role: String,
    content: Content,
}

/// A text, or a list of blocks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AnthropicContent")]
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

/// A block of content.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicBlock")]
pub(super) struct Block {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = [
        "text", "tool_use", "tool_result", "thinking", "redacted_thinking"
    ]))]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Value>,
    tool_use_id: Option<String>,
    content: Option<Box<Content>>,
}

fn unsupported(hint: &'static str) -> ApiError {
    ApiError::Unsupported { field: "messages", hint }
}

impl Content {
    /// Its words.
    ///
    /// # Errors
    /// [`ApiError::Unsupported`] for anything but text.
    pub(super) fn text(self) -> Result<String, ApiError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Blocks(blocks) => {
                let texts =
                    blocks.into_iter().map(|block| match (block.kind.as_str(), block.text) {
                        ("text", Some(text)) => Ok(text),
                        _ => Err(unsupported(" with content other than text here")),
                    });
                texts.collect()
            }
        }
    }
}

/// The conversation. Results of tools become messages of their own, before the words of their turn.
///
/// # Errors
/// [`ApiError::InvalidField`]; [`ApiError::Unsupported`] for media.
pub(super) fn conversation(
    system: Option<Content>,
    messages: Vec<WireMessage>,
    limit: usize,
) -> Result<Vec<ChatMessage>, ApiError> {
    let count = messages.len();
    check_messages("messages", count, limit)?;
    if messages.last().is_some_and(|message| message.role == "assistant") {
        let hint = " that end with a turn of the assistant; it cannot be continued";
        return Err(unsupported(hint));
    }
    let mut turns = Vec::with_capacity(count + 1);
    if let Some(system) = system {
        turns.push(ChatMessage::new(Role::System, system.text()?));
    }
    // The tool of each call, as results name only the call.
    let mut names: HashMap<String, String> = HashMap::new();
    for (idx, message) in messages.into_iter().enumerate() {
        let known = ["user", "assistant", "system"];
        match role(("messages", format_args!("message {idx}")), &message.role, &known)? {
            Role::User => user(message.content, &names, &mut turns)?,
            Role::Assistant => turns.push(assistant(message.content, &mut names)?),
            Role::System | Role::Tool => {
                turns.push(ChatMessage::new(Role::System, message.content.text()?));
            }
        }
    }
    Ok(turns)
}

fn user(
    content: Content,
    names: &HashMap<String, String>,
    turns: &mut Vec<ChatMessage>,
) -> Result<(), ApiError> {
    let blocks = match content {
        Content::Text(text) => {
            turns.push(ChatMessage::new(Role::User, text));
            return Ok(());
        }
        Content::Blocks(blocks) => blocks,
    };
    let mut text: Option<String> = None;
    for block in blocks {
        match block.kind.as_str() {
            "text" => text.get_or_insert_default().push_str(&block.text.unwrap_or_default()),
            "tool_result" => {
                let content = block.content.map(|content| content.text()).transpose()?;
                let call = block.tool_use_id.unwrap_or_default();
                turns.push(ChatMessage {
                    name: names.get(&call).cloned(),
                    tool_call_id: Some(call),
                    ..ChatMessage::new(Role::Tool, content.unwrap_or_default())
                });
            }
            _ => return Err(unsupported(" with content other than text and results of tools")),
        }
    }
    turns.extend(text.map(|text| ChatMessage::new(Role::User, text)));
    Ok(())
}

fn assistant(
    content: Content,
    names: &mut HashMap<String, String>,
) -> Result<ChatMessage, ApiError> {
    let blocks = match content {
        Content::Text(text) => return Ok(ChatMessage::new(Role::Assistant, text)),
        Content::Blocks(blocks) => blocks,
    };
    let mut text: Option<String> = None;
    let mut thoughts: Option<String> = None;
    let mut calls = Vec::new();
    for block in blocks {
        match block.kind.as_str() {
            "text" => text.get_or_insert_default().push_str(&block.text.unwrap_or_default()),
            "thinking" => {
                let thinking = block.thinking.unwrap_or_default();
                thoughts.get_or_insert_default().push_str(&thinking);
            }
            // Nobody but Anthropic can read it.
            "redacted_thinking" => {}
            "tool_use" => {
                let name = block.name.unwrap_or_default();
                if let Some(id) = &block.id {
                    names.insert(id.clone(), name.clone());
                }
                let arguments =
                    block.input.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
                let function = FunctionCall { name, arguments };
                let call = ToolCall::new(String::new(), Value::Null);
                calls.push(ToolCall { id: block.id, function, ..call });
            }
            _ => return Err(unsupported(" with content other than text and calls of tools")),
        }
    }
    Ok(ChatMessage { reasoning_content: thoughts, ..ChatMessage::calls(text, calls) })
}
