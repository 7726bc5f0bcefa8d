//! Messages and tools as OpenAI's chat format has them.

use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::tools::{MAX_NAME_BYTES, Tool, ToolChoice};
use crate::turn::role;
use catena_protocol::{ChatMessage, FunctionCall, Role, ToolCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// One turn.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatMessage")]
pub(crate) struct WireMessage {
    #[schemars(extend("enum" = ["system", "developer", "user", "assistant", "tool"]))]
    role: String,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    reasoning_content: Option<String>,
    /// vLLM's name of the same.
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

/// A text, or a list of parts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ChatContent")]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatPart")]
pub(crate) struct Part {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["text", "refusal", "input_text", "output_text"]))]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatToolCall")]
pub(crate) struct WireCall {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "type", default)]
    #[schemars(extend("enum" = ["function", null]))]
    kind: Option<String>,
    function: WireFunction,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CalledFunction")]
struct WireFunction {
    name: String,
    #[serde(default)]
    arguments: Option<Value>,
}

/// A tool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatTool")]
pub(crate) struct WireTool {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["function"]))]
    kind: String,
    #[schemars(required)]
    function: Option<FunctionTool>,
}

/// A function that may be called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct FunctionTool {
    #[schemars(length(min = 1, max = MAX_NAME_BYTES))]
    name: String,
    description: Option<String>,
    /// JSON schema of its arguments; without one it takes none.
    #[schemars(with = "Option<Map<String, Value>>")]
    parameters: Option<Value>,
    /// Refuse a schema that cannot be enforced as a whole.
    strict: Option<bool>,
}

/// `tool_choice`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "ChatToolChoice")]
pub(crate) enum WireChoice {
    #[schemars(extend("enum" = ["none", "auto", "required"]))]
    Word(String),
    Named {
        #[serde(rename = "type")]
        kind: String,
        function: Option<ChosenFunction>,
        allowed_tools: Option<AllowedTools>,
    },
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct ChosenFunction {
    name: String,
}

/// The tools that may be called among those that the model is told of.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct AllowedTools {
    #[schemars(extend("enum" = ["none", "auto", "required"]))]
    mode: String,
    tools: Vec<WireTool>,
}

fn invalid(reason: String) -> ApiError {
    ApiError::InvalidField { field: "messages", reason }
}

impl WireMessage {
    /// Names what is read of results of tools only and stands in another message.
    pub(crate) fn tell_idle(&self, ignored: &mut Ignored) {
        if self.role != "tool" {
            if self.name.is_some() {
                ignored.add_field("messages[].name");
            }
            if self.tool_call_id.is_some() {
                ignored.add_field("messages[].tool_call_id");
            }
        }
    }

    /// The turn that stands at `idx`.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`]; [`ApiError::Unsupported`] for media.
    pub(crate) fn read(&self, idx: usize) -> Result<ChatMessage, ApiError> {
        let known = ["system", "developer", "user", "assistant", "tool"];
        let role = role(("messages", format_args!("message {idx}")), &self.role, &known)?;
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        if !calls.is_empty() && role != Role::Assistant {
            return Err(invalid(format!(
                "message {idx} has `tool_calls` but not the role `assistant`"
            )));
        }
        let content = match (&self.content, &self.refusal) {
            (Some(content), _) => Some(content.text("messages")?),
            (None, Some(refusal)) => Some(refusal.clone()),
            (None, None) if calls.is_empty() => {
                return Err(invalid(format!("message {idx} has no content")));
            }
            (None, None) => None,
        };
        Ok(ChatMessage {
            content,
            reasoning_content: self.reasoning_content.clone().or(self.reasoning.clone()),
            name: self.name.clone().filter(|_| role == Role::Tool),
            tool_calls: calls.iter().map(|call| call.read(idx)).collect::<Result<_, _>>()?,
            tool_call_id: self.tool_call_id.clone().filter(|_| role == Role::Tool),
            ..ChatMessage::new(role, String::new())
        })
    }
}

impl Content {
    /// Its words; `field` is where they stand.
    ///
    /// # Errors
    /// [`ApiError::Unsupported`] for media.
    pub(crate) fn text(&self, field: &'static str) -> Result<String, ApiError> {
        let parts = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Parts(parts) => parts,
        };
        let mut text = String::new();
        for part in parts {
            let is_text =
                matches!(part.kind.as_str(), "text" | "refusal" | "input_text" | "output_text");
            let said = part.text.as_ref().or(part.refusal.as_ref());
            let Some(part) = said.filter(|_| is_text) else {
                let hint = " with content other than text";
                return Err(ApiError::Unsupported { field, hint });
            };
            text.push_str(part);
        }
        Ok(text)
    }
}

impl WireCall {
    /// The call in the message at `idx`. Arguments that are not JSON stay the text that they are: a bad
    /// call of the past does not spoil the turns after it.
    fn read(&self, idx: usize) -> Result<ToolCall, ApiError> {
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != "function") {
            let kind: String = kind.chars().take(40).collect();
            let reason =
                format!("message {idx} has a call of the type `{kind}`; taken: `function`");
            return Err(invalid(reason));
        }
        let arguments = match &self.function.arguments {
            None => Value::Object(Map::new()),
            Some(Value::String(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            Some(value) => value.clone(),
        };
        let function = FunctionCall { name: self.function.name.clone(), arguments };
        let call = ToolCall::new(String::new(), Value::Null);
        Ok(ToolCall { id: self.id.clone(), function, ..call })
    }
}

impl WireTool {
    /// The tool that stands at `idx`.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if it is not a function.
    pub(crate) fn read(self, idx: usize) -> Result<Tool, ApiError> {
        let kind: String = self.kind.chars().take(40).collect();
        match self.function.filter(|_| kind == "function") {
            Some(function) => Ok(function.read()),
            None => Err(ApiError::InvalidField {
                field: "tools",
                reason: format!(
                    "tool {idx} is of the type `{kind}`; taken: `function` with its `function`"
                ),
            }),
        }
    }
}

impl FunctionTool {
    /// The tool.
    pub(crate) fn read(self) -> Tool {
        let Self { name, description, parameters, strict } = self;
        Tool { name, description, parameters, strict: strict.unwrap_or(false) }
    }
}

impl WireChoice {
    /// The choice among `tools`, which are cut to those that it allows.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`].
    pub(crate) fn read(self, tools: &mut Vec<Tool>) -> Result<ToolChoice, ApiError> {
        match self {
            Self::Word(word) => word_choice(&word),
            Self::Named { function: Some(function), .. } => Ok(ToolChoice::Named(function.name)),
            Self::Named { allowed_tools: Some(allowed), .. } => {
                let named = |tool: &WireTool| Some(tool.function.as_ref()?.name.clone());
                let names: Vec<String> = allowed.tools.iter().filter_map(named).collect();
                tools.retain(|tool| names.contains(&tool.name));
                word_choice(&allowed.mode)
            }
            Self::Named { kind, .. } => Err(unknown(&kind)),
        }
    }
}

/// `none`, `auto` or `required`.
///
/// # Errors
/// [`ApiError::InvalidField`] for anything else.
pub(crate) fn word_choice(word: &str) -> Result<ToolChoice, ApiError> {
    match word {
        "none" => Ok(ToolChoice::None),
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        other => Err(unknown(other)),
    }
}

fn unknown(word: &str) -> ApiError {
    let word: String = word.chars().take(40).collect();
    let known = "none, auto, required, or a function by name";
    ApiError::InvalidField {
        field: "tool_choice",
        reason: format!("`{word}` is not known; known: {known}"),
    }
}
