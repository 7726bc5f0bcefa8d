//! The request of a chat completion.

use super::message::{WireChoice, WireMessage, WireTool};
use crate::body::{ApiRequest, Refused, from_object, is_empty, is_one};
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::sampling::SamplingFields;
use crate::thinking::{EFFORTS, Thinking};
use crate::tools::{MAX_TOOLS, Tool, Tools};
use crate::turn::{TurnRequest, check_messages};
use catena_engine::MAX_TOP_LOGPROBS;
use catena_protocol::ChatMessage;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Variables of chat templates that a client may set: switches that templates document.
const VARIABLES: [&str; 5] =
    ["enable_thinking", "thinking", "reasoning_effort", "thinking_budget", "preserve_thinking"];

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatCompletionRequest")]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    #[schemars(length(min = 1))]
    messages: Vec<WireMessage>,
    /// The older name of `max_completion_tokens`.
    #[schemars(range(min = 1))]
    max_tokens: Option<usize>,
    /// Most tokens of the answer.
    #[schemars(range(min = 1))]
    max_completion_tokens: Option<usize>,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default, deserialize_with = "from_object")]
    pub(crate) stream_options: StreamOptions,
    #[serde(default)]
    pub(crate) logprobs: bool,
    /// Alternatives to show beside each token; needs `logprobs`.
    #[schemars(range(max = MAX_TOP_LOGPROBS))]
    top_logprobs: Option<usize>,
    #[serde(default)]
    #[schemars(length(max = MAX_TOOLS))]
    tools: Vec<WireTool>,
    tool_choice: Option<WireChoice>,
    parallel_tool_calls: Option<bool>,
    chat_template_kwargs: Option<Map<String, Value>>,
    /// How much the model thinks before it answers.
    #[schemars(extend("enum" = EFFORTS))]
    reasoning_effort: Option<String>,
    #[serde(default)]
    priority: i32,
    #[serde(flatten)]
    pub(crate) sampling: SamplingFields,
}

/// Options of a streamed answer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ChatStreamOptions")]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: bool,
    /// vLLM's: counts in every chunk.
    #[serde(default)]
    pub(crate) continuous_usage_stats: bool,
}

impl ApiRequest for ChatRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "stream",
        "stream_options",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "chat_template_kwargs",
        "reasoning_effort",
        "priority",
    ];
    const SHARED: &'static [&'static str] = SamplingFields::NAMES;
    const REFUSED: &'static [Refused] = &[
        Refused { field: "functions", is_neutral: is_empty, hint: "; use `tools`" },
        Refused {
            field: "function_call",
            is_neutral: |v| v == "none" || v == "auto",
            hint: "; use `tool_choice`",
        },
        Refused { field: "best_of", is_neutral: is_one, hint: "; use `n`" },
        Refused {
            field: "modalities",
            is_neutral: |v| *v == serde_json::json!(["text"]),
            hint: "",
        },
        Refused { field: "audio", is_neutral: is_empty, hint: "" },
        Refused { field: "web_search_options", is_neutral: |_| false, hint: "" },
        Refused {
            field: "chat_template",
            is_neutral: is_empty,
            hint: "; conversations are worded by the model's own template",
        },
        Refused { field: "continue_final_message", is_neutral: is_empty, hint: "" },
        Refused { field: "add_generation_prompt", is_neutral: |v| *v == true, hint: "" },
        Refused {
            field: "documents",
            is_neutral: is_empty,
            hint: "; ask an assistant that answers from documents",
        },
        Refused { field: "echo", is_neutral: is_empty, hint: "" },
    ];
    const SHARED_REFUSED: &'static [Refused] = SamplingFields::REFUSED;

    fn tell_idle(&self, ignored: &mut Ignored) {
        for message in &self.messages {
            message.tell_idle(ignored);
        }
    }
}

impl ChatRequest {
    /// The turn that is asked for; `default_temperature` is the model's.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Unsupported`] for media.
    pub(crate) fn turn(
        self,
        default_temperature: f32,
        max_messages: usize,
    ) -> Result<TurnRequest, ApiError> {
        let mut params = self.sampling.params(default_temperature)?;
        params.logprobs = self.logprobs()?;
        let (max_tokens, form) = (self.max_tokens()?, self.sampling.constraint()?);
        let messages = self.messages(max_messages)?;
        let variables = self.chat_template_kwargs.map(checked_variables).transpose()?;
        let tools = self.tools.into_iter().enumerate().map(|(idx, tool)| tool.read(idx));
        let mut list: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        let choice = self.tool_choice.map(|choice| choice.read(&mut list)).transpose()?;
        let one_call = self.parallel_tool_calls == Some(false);
        let tools = Tools { list, choice: choice.unwrap_or_default(), one_call };
        let thinking =
            self.reasoning_effort.map(|word| Thinking::effort("reasoning_effort", &word));
        let (thinking, priority) = (thinking.transpose()?, self.priority);
        let turn = TurnRequest::new(self.model, messages, params);
        Ok(TurnRequest { tools, max_tokens, form, variables, thinking, priority, ..turn })
    }

    /// The conversation.
    fn messages(&self, limit: usize) -> Result<Vec<ChatMessage>, ApiError> {
        check_messages("messages", self.messages.len(), limit)?;
        self.messages.iter().enumerate().map(|(idx, message)| message.read(idx)).collect()
    }

    /// The output limit with the name of the field that gave it.
    fn max_tokens(&self) -> Result<Option<(&'static str, usize)>, ApiError> {
        match (self.max_completion_tokens, self.max_tokens) {
            (Some(new), Some(old)) if new != old => Err(ApiError::InvalidField {
                field: "max_tokens",
                reason: format!("it is {old}, `max_completion_tokens` is {new}"),
            }),
            (Some(tokens), _) => Ok(Some(("max_completion_tokens", tokens))),
            (None, Some(tokens)) => Ok(Some(("max_tokens", tokens))),
            (None, None) => Ok(None),
        }
    }

    /// Alternatives to report beside each token, if log-probabilities were asked for.
    fn logprobs(&self) -> Result<Option<usize>, ApiError> {
        match (self.logprobs, self.top_logprobs) {
            (true, count) => Ok(Some(count.unwrap_or(0))),
            (false, None | Some(0)) => Ok(None),
            (false, Some(_)) => Err(ApiError::InvalidField {
                field: "top_logprobs",
                reason: "it needs `logprobs`: true".to_owned(),
            }),
        }
    }
}

/// Only known switches: a template may do anything with other names, also with those of its own
/// variables.
fn checked_variables(variables: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let is_plain = |value: &Value| value.is_boolean() || value.is_number() || value.is_string();
    let bad = variables
        .iter()
        .find(|(key, value)| !VARIABLES.contains(&key.as_str()) || !is_plain(value));
    match bad {
        None => Ok(variables),
        Some((key, _)) => {
            let key: String = key.chars().take(40).collect();
            let known = VARIABLES.join(", ");
            let reason = format!(
                "`{key}` cannot be set; a word, number or truth value may be given to {known}"
            );
            Err(ApiError::InvalidField { field: "chat_template_kwargs", reason })
        }
    }
}
