//! Tools and tool calls as data sets write them.

use super::fields::Fields;
use super::layout::Layout;
use super::reason::DropReason;
use catena_protocol::{ChatExtras, FunctionCall, ToolCall};
use serde_json::{Map, Value, json};

/// Key under which a row holds further variables of the chat template.
const VARIABLES: &str = "chat_template_kwargs";

/// Tools and variables of a row.
pub(super) fn extras(row: Fields<'_>, layout: &Layout) -> Result<ChatExtras, DropReason> {
    let tools = match layout.column("tools") {
        Some(key) => row.get(key).map_or(Ok(Vec::new()), |value| tools(key, value))?,
        None => Vec::new(),
    };
    let chat_template_kwargs = match row.get(VARIABLES) {
        None => Map::new(),
        Some(Value::Object(variables)) => variables.clone(),
        Some(other) => return Err(DropReason::wrong_kind(VARIABLES, other, "an object")),
    };
    Ok(ChatExtras { tools, chat_template_kwargs })
}

/// A list of tools: JSON, or JSON written as text; each in OpenAI's shape, in which the schema
/// stands under `function`.
fn tools(key: &str, value: &Value) -> Result<Vec<Value>, DropReason> {
    let broken = || DropReason::Tools { key: key.to_owned() };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        Value::String(text) => {
            let value: Value = serde_json::from_str(text).map_err(|_| broken())?;
            if value.is_string() { Err(broken()) } else { tools(key, &value) }
        }
        Value::Array(list) => list.iter().map(|tool| one_tool(tool).ok_or_else(broken)).collect(),
        Value::Object(_) => Ok(vec![one_tool(value).ok_or_else(broken)?]),
        Value::Bool(_) | Value::Number(_) => Err(broken()),
    }
}

fn one_tool(tool: &Value) -> Option<Value> {
    let parsed;
    let tool = match tool.as_str() {
        Some(text) => {
            parsed = serde_json::from_str::<Value>(text).ok()?;
            &parsed
        }
        None => tool,
    };
    if !tool.is_object() {
        return None;
    }
    let wrapped = tool.get("type").and_then(Value::as_str) == Some("function");
    Some(if wrapped { tool.clone() } else { json!({"type": "function", "function": tool}) })
}

/// The text and the calls of a ShareGPT turn in which the model calls functions: an optional
/// thought in `<think>`, then a call or a list of calls as JSON.
pub(super) fn called_in_text(
    text: &str,
    turn: usize,
) -> Result<(String, Vec<ToolCall>), DropReason> {
    let (thought, json) = match text.split_once("</think>") {
        Some((thought, json)) if text.trim_start().starts_with("<think>") => {
            (format!("{thought}</think>"), json)
        }
        _ => (String::new(), text),
    };
    let broken = || DropReason::FunctionCall { turn };
    let value: Value = serde_json::from_str(json).map_err(|_| broken())?;
    let list = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    let calls = list.iter().map(call).collect::<Option<Vec<_>>>();
    Ok((thought, calls.filter(|calls| !calls.is_empty()).ok_or_else(broken)?))
}

/// The calls of an OpenAI message.
pub(super) fn calls_of(message: &Value, turn: usize) -> Result<Vec<ToolCall>, DropReason> {
    let broken = || DropReason::FunctionCall { turn };
    if let Some(legacy) = message.get("function_call").filter(|call| !call.is_null()) {
        return Ok(vec![call(legacy).ok_or_else(broken)?]);
    }
    match message.get("tool_calls") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(calls)) => calls.iter().map(|one| call(one).ok_or_else(broken)).collect(),
        // Arrow files hold missing lists as structures of nothing, and some sets JSON as text.
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => {
            let calls: Value = serde_json::from_str(text).map_err(|_| broken())?;
            let calls = calls.as_array().ok_or_else(broken)?;
            calls.iter().map(|one| call(one).ok_or_else(broken)).collect()
        }
        Some(_) => Err(broken()),
    }
}

/// One call, with or without the envelope of OpenAI's format. Arguments written as JSON in a text
/// become JSON, because templates write them as JSON themselves.
fn call(value: &Value) -> Option<ToolCall> {
    let inner = value.get("function").filter(|function| function.is_object()).unwrap_or(value);
    let name = inner.get("name")?.as_str()?.to_owned();
    let arguments = match inner.get("arguments") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(Value::String(text)) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(arguments)) => Value::Object(arguments),
            _ => Value::String(text.clone()),
        },
        Some(arguments) => arguments.clone(),
    };
    let id = value.get("id").and_then(Value::as_str).map(ToOwned::to_owned);
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("function").to_owned();
    Some(ToolCall { id, kind, function: FunctionCall { name, arguments } })
}
