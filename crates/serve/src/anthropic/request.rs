//! The request of a message.

use super::content::{Content, WireMessage, conversation};
use crate::body::{ApiRequest, Refused, from_some_object, is_empty};
use crate::error::ApiError;
use crate::sampling::random_seed;
use crate::thinking::{EFFORTS, Thinking, WireThinking};
use crate::tools::{MAX_NAME_BYTES, MAX_TOOLS, Tool, ToolChoice, Tools};
use crate::turn::TurnRequest;
use catena_engine::{Constraint, MAX_STOP_BYTES, MAX_STOP_STRINGS, SamplingParams};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a client sends; without `max_tokens` only to have its tokens counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicMessagesRequest")]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    #[schemars(length(min = 1))]
    messages: Vec<WireMessage>,
    #[schemars(range(min = 1))]
    max_tokens: Option<usize>,
    system: Option<Content>,
    #[serde(default)]
    #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_STOP_BYTES)))]
    stop_sequences: Vec<String>,
    #[serde(default)]
    pub(super) stream: bool,
    #[schemars(range(min = 0.0, max = 10.0))]
    temperature: Option<f32>,
    top_k: Option<usize>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    top_p: Option<f32>,
    #[serde(default)]
    #[schemars(length(max = MAX_TOOLS))]
    tools: Vec<WireTool>,
    #[serde(default, deserialize_with = "from_some_object")]
    tool_choice: Option<WireChoice>,
    #[serde(default, deserialize_with = "from_some_object")]
    output_config: Option<OutputConfig>,
    /// The older name of `output_config.format`.
    output_format: Option<OutputFormat>,
    #[serde(default, deserialize_with = "from_some_object")]
    thinking: Option<WireThinking>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicTool")]
struct WireTool {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["custom", null]))]
    kind: Option<String>,
    #[schemars(required, length(min = 1, max = MAX_NAME_BYTES))]
    name: Option<String>,
    description: Option<String>,
    #[schemars(with = "Option<Map<String, Value>>")]
    input_schema: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicToolChoice")]
struct WireChoice {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["auto", "any", "tool", "none"]))]
    kind: String,
    name: Option<String>,
    #[serde(default)]
    disable_parallel_tool_use: bool,
}

/// The form of the answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnthropicOutputConfig")]
struct OutputConfig {
    format: Option<OutputFormat>,
    /// How much the model thinks before it answers.
    #[schemars(extend("enum" = EFFORTS))]
    effort: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "AnthropicOutputFormat")]
enum OutputFormat {
    JsonSchema { schema: Value },
}

impl ApiRequest for MessagesRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "messages",
        "max_tokens",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
        "tools",
        "tool_choice",
        "output_config",
        "output_format",
        "thinking",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "mcp_servers", is_neutral: is_empty, hint: "" },
        Refused { field: "container", is_neutral: is_empty, hint: "" },
        Refused { field: "context_management", is_neutral: is_empty, hint: "" },
        Refused { field: "prefill", is_neutral: is_empty, hint: "" },
    ];
}

impl MessagesRequest {
    /// The turn that is asked for; `default_temperature` is the model's.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`]; [`ApiError::Unsupported`] for media and Anthropic's own tools.
    pub(super) fn turn(
        self,
        default_temperature: f32,
        max_messages: usize,
    ) -> Result<TurnRequest, ApiError> {
        let thinking = self.thinking()?;
        let base = SamplingParams::default();
        let params = SamplingParams {
            temperature: self.temperature.unwrap_or(default_temperature),
            top_k: self.top_k.filter(|&k| k > 0),
            top_p: self.top_p.unwrap_or(base.top_p),
            stop: self.stop_sequences,
            seed: random_seed(),
            ..base
        };
        let messages = conversation(self.system, self.messages, max_messages)?;
        let tools = self.tools.into_iter().enumerate().map(|(idx, tool)| tool.read(idx));
        let list: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        let one_call =
            self.tool_choice.as_ref().is_some_and(|choice| choice.disable_parallel_tool_use);
        let choice = self.tool_choice.map(WireChoice::read).transpose()?.unwrap_or_default();
        let format = self.output_config.and_then(|config| config.format);
        if format.is_some() && self.output_format.is_some() {
            let reason = "`output_config.format` asks for a form already".to_owned();
            return Err(ApiError::InvalidField { field: "output_format", reason });
        }
        let form = format
            .or(self.output_format)
            .map(|OutputFormat::JsonSchema { schema }| Constraint::JsonSchema(schema));
        let tools = Tools { list, choice, one_call };
        let max_tokens = self.max_tokens.map(|tokens| ("max_tokens", tokens));
        let turn = TurnRequest::new(self.model, messages, params);
        Ok(TurnRequest { tools, max_tokens, form, thinking, ..turn })
    }

    fn thinking(&self) -> Result<Option<Thinking>, ApiError> {
        let effort = self.output_config.as_ref().and_then(|config| config.effort.as_deref());
        let is_off = self.thinking.is_some_and(WireThinking::is_off);
        match effort.filter(|_| !is_off) {
            Some(word) => Thinking::effort("output_config", word).map(Some),
            None => Ok(self.thinking.and_then(WireThinking::read)),
        }
    }

    /// # Errors
    /// [`ApiError::InvalidField`] if the limit is missing, which the protocol asks for.
    pub(super) fn check_limit(&self) -> Result<(), ApiError> {
        match self.max_tokens {
            Some(_) => Ok(()),
            None => Err(ApiError::InvalidField {
                field: "max_tokens",
                reason: "it is missing".to_owned(),
            }),
        }
    }
}

impl WireTool {
    fn read(self, idx: usize) -> Result<Tool, ApiError> {
        if self.kind.as_deref().is_some_and(|kind| kind != "custom") {
            let hint = " of other types than `custom`; Anthropic runs those itself";
            return Err(ApiError::Unsupported { field: "tools", hint });
        }
        let missing =
            || ApiError::InvalidField { field: "tools", reason: format!("tool {idx} has no name") };
        Ok(Tool {
            name: self.name.ok_or_else(missing)?,
            description: self.description,
            parameters: self.input_schema,
            strict: self.strict.unwrap_or(false),
        })
    }
}

impl WireChoice {
    fn read(self) -> Result<ToolChoice, ApiError> {
        let invalid = |reason| Err(ApiError::InvalidField { field: "tool_choice", reason });
        match (self.kind.as_str(), self.name) {
            ("auto", _) => Ok(ToolChoice::Auto),
            ("any", _) => Ok(ToolChoice::Required),
            ("none", _) => Ok(ToolChoice::None),
            ("tool", Some(name)) => Ok(ToolChoice::Named(name)),
            ("tool", None) => invalid("it names no tool".to_owned()),
            (other, _) => {
                let other: String = other.chars().take(40).collect();
                invalid(format!("`{other}` is not known; known: auto, any, tool, none"))
            }
        }
    }
}
