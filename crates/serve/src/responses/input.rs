//! The items of a conversation as this protocol has them.

use crate::body::from_object;
use crate::chat::Content;
use crate::error::ApiError;
use crate::turn::role;
use catena_protocol::{ChatMessage, FunctionCall, Role, ToolCall};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// A text, or items.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ResponseInput")]
pub(crate) enum Input {
    Text(String),
    Items(#[schemars(with = "Vec<Item>")] Vec<Value>),
}

impl Default for Input {
    fn default() -> Self {
        Self::Items(Vec::new())
    }
}

/// An item that we read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ResponseInputItem", transform = with_identity)]
struct Item {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = [
        "message", "function_call", "function_call_output", "reasoning", null
    ]))]
    kind: Option<String>,
    /// `system`, `developer`, `user` or `assistant`.
    role: Option<String>,
    content: Option<Content>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<Content>,
}

/// Describes the members of an item that are listed as they came.
fn with_identity(schema: &mut Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for name in ["id", "status"] {
            properties.insert(name.to_owned(), json!({"type": ["string", "null"]}));
        }
    }
}

impl Input {
    /// The items as the protocol lists them, each with an identity.
    pub(crate) fn listed(&self, mut next_id: impl FnMut(&str) -> String) -> Vec<Value> {
        let items = match self {
            Self::Text(text) => {
                let content = json!([{"type": "input_text", "text": text}]);
                vec![json!({"type": "message", "role": "user", "content": content})]
            }
            Self::Items(items) => items.clone(),
        };
        let name = |mut item: Value| {
            if item.get("type").is_none() {
                item["type"] = json!("message");
            }
            if let Some(text) = item["content"].as_str().filter(|_| item["type"] == "message") {
                let kind = if item["role"] == "assistant" { "output_text" } else { "input_text" };
                item["content"] = json!([{"type": kind, "text": text}]);
            }
            if item.get("id").is_none_or(Value::is_null) {
                let prefix = match item["type"].as_str() {
                    Some("function_call") => "fc",
                    Some("function_call_output") => "fco",
                    _ => "msg",
                };
                item["id"] = json!(next_id(prefix));
            }
            if item.get("status").is_none() {
                item["status"] = json!("completed");
            }
            item
        };
        items.into_iter().map(name).collect()
    }
}

/// The turns that `input` holds.
///
/// # Errors
/// [`ApiError::InvalidField`], [`ApiError::Unsupported`] for media.
pub(crate) fn read_items(input: &Input) -> Result<Vec<ChatMessage>, ApiError> {
    let items = match input {
        Input::Text(text) => return Ok(vec![ChatMessage::new(Role::User, text.clone())]),
        Input::Items(items) => items,
    };
    let mut messages: Vec<ChatMessage> = Vec::new();
    for (idx, value) in items.iter().enumerate() {
        let item: Item =
            from_object(value.clone()).map_err(|error| invalid(format!("item {idx}: {error}")))?;
        match item.kind.as_deref().unwrap_or("message") {
            "message" => messages.push(message(idx, &item)?),
            "function_call" => add_call(&mut messages, idx, item)?,
            "function_call_output" => messages.push(output(idx, item)?),
            // What a model thought is not shown to it again.
            "reasoning" => {}
            other => {
                let other: String = other.chars().take(40).collect();
                let known = "message, function_call, function_call_output, reasoning";
                return Err(invalid(format!(
                    "item {idx} is of the type `{other}`; known: {known}"
                )));
            }
        }
    }
    Ok(messages)
}

fn invalid(reason: String) -> ApiError {
    ApiError::InvalidField { field: "input", reason }
}

fn message(idx: usize, item: &Item) -> Result<ChatMessage, ApiError> {
    let known = ["system", "developer", "user", "assistant"];
    let word = item.role.as_deref().unwrap_or("none");
    let role = role(("input", format_args!("item {idx}")), word, &known)?;
    let Some(content) = &item.content else {
        return Err(invalid(format!("item {idx} has no content")));
    };
    Ok(ChatMessage::new(role, content.text("input")?))
}

/// A call belongs to the assistant's turn before it.
fn add_call(messages: &mut Vec<ChatMessage>, idx: usize, item: Item) -> Result<(), ApiError> {
    let (Some(name), Some(id)) = (item.name, item.call_id) else {
        return Err(invalid(format!("item {idx} needs `name` and `call_id`")));
    };
    let text = item.arguments.unwrap_or_default();
    let arguments = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let function = FunctionCall { name, arguments };
    let call = ToolCall { id: Some(id), function, ..ToolCall::new(String::new(), Value::Null) };
    match messages.last_mut().filter(|last| last.role == Role::Assistant) {
        Some(last) => last.tool_calls.push(call),
        None => messages.push(ChatMessage::calls(None, vec![call])),
    }
    Ok(())
}

fn output(idx: usize, item: Item) -> Result<ChatMessage, ApiError> {
    let (Some(id), Some(output)) = (item.call_id, item.output) else {
        return Err(invalid(format!("item {idx} needs `call_id` and `output`")));
    };
    let tool_call_id = Some(id);
    Ok(ChatMessage { tool_call_id, ..ChatMessage::new(Role::Tool, output.text("input")?) })
}
