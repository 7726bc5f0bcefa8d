//! Messages as chat templates and data sets hold them: with tool calls and reasoning.

use crate::chat::{Message, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The only kind of call that the formats know.
const FUNCTION: &str = "function";

/// One turn of a conversation with everything that a chat template may read of it.
///
/// The JSON is the message of OpenAI's chat format. A part that is `None` or empty is left out, as
/// transformers leaves it out before a template sees the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said. A turn of tool calls alone says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the model thought before it spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The speaker's name, or that of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls that the assistant makes in this turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Whether this turn is trained on, where the data set says so for each turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<bool>,
}

impl ChatMessage {
    /// A message of `role` that says `content`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: Some(content.into()),
            reasoning_content: None,
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            train: None,
        }
    }

    /// A turn in which the assistant says `content` and makes `tool_calls`.
    pub fn calls(content: Option<String>, tool_calls: Vec<ToolCall>) -> Self {
        Self { content, tool_calls, ..Self::new(Role::Assistant, String::new()) }
    }

    /// What is said; empty if nothing is.
    pub fn text(&self) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    /// Whether the turn holds nothing at all: no words, no thoughts, no calls.
    pub fn is_blank(&self) -> bool {
        let blank = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().is_empty();
        blank(&self.content) && blank(&self.reasoning_content) && self.tool_calls.is_empty()
    }
}

impl From<Message> for ChatMessage {
    fn from(message: Message) -> Self {
        Self::new(message.role, message.content)
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Its identity, which the tool's answer repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Always `function` in the formats of today.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

impl ToolCall {
    /// The call of the function `name` with `arguments`.
    pub fn new(name: impl Into<String>, arguments: Value) -> Self {
        Self { id: None, kind: function(), function: FunctionCall { name: name.into(), arguments } }
    }
}

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// Name of the function.
    pub name: String,
    /// Its arguments: an object, as templates expect, or text that is not JSON.
    #[serde(default = "no_arguments")]
    pub arguments: Value,
}

fn function() -> String {
    FUNCTION.to_owned()
}

fn no_arguments() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_json_is_openais_and_leaves_out_what_is_not_there() {
        let plain = ChatMessage::new(Role::User, "Hi");
        assert_eq!(serde_json::to_value(&plain).unwrap(), json!({"role": "user", "content": "Hi"}));
        let call = ToolCall::new("fee", json!({"card": "gold"}));
        let json = json!({"role": "assistant", "tool_calls": [
            {"type": "function", "function": {"name": "fee", "arguments": {"card": "gold"}}}]});
        let calls = ChatMessage::calls(None, vec![call]);
        assert_eq!(serde_json::to_value(&calls).unwrap(), json);
        assert_eq!(serde_json::from_value::<ChatMessage>(json).unwrap(), calls);
        let null = json!({"role": "assistant", "content": null});
        let null: ChatMessage = serde_json::from_value(null).unwrap();
        assert!(null.is_blank() && !calls.is_blank() && null.text().is_empty());
    }
}
