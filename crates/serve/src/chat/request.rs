//! The request of a chat completion.

use crate::body::{ApiRequest, Refused, is_empty, is_one};
use crate::error::ApiError;
use crate::sampling::SamplingFields;
use catena_protocol::{Message, Role};
use serde::Deserialize;
use serde_json::Value;

/// What a client sends.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    messages: Vec<WireMessage>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) stream_options: StreamOptions,
    #[serde(default)]
    logprobs: bool,
    top_logprobs: Option<usize>,
    #[serde(flatten)]
    pub(crate) sampling: SamplingFields,
}

/// Options of a streamed answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct WireMessage {
    role: String,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Option<Value>,
}

/// A text, or a list of parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
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
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "seed",
        "stop",
        "stop_token_ids",
        "min_tokens",
        "include_stop_str_in_output",
        "ignore_eos",
        "response_format",
        "structured_outputs",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "tools", is_neutral: is_empty, hint: "" },
        Refused { field: "tool_choice", is_neutral: |v| v == "none" || v == "auto", hint: "" },
        Refused { field: "functions", is_neutral: is_empty, hint: "" },
        Refused { field: "function_call", is_neutral: |v| v == "none" || v == "auto", hint: "" },
        Refused { field: "n", is_neutral: is_one, hint: "; send one request per answer" },
        Refused { field: "best_of", is_neutral: is_one, hint: "; send one request per answer" },
        Refused {
            field: "modalities",
            is_neutral: |v| *v == serde_json::json!(["text"]),
            hint: "",
        },
        Refused { field: "audio", is_neutral: is_empty, hint: "" },
        Refused { field: "web_search_options", is_neutral: |_| false, hint: "" },
        Refused { field: "use_beam_search", is_neutral: is_empty, hint: "" },
        Refused {
            field: "guided_json",
            is_neutral: is_empty,
            hint: "; use `response_format` with `json_schema`",
        },
        Refused {
            field: "guided_regex",
            is_neutral: is_empty,
            hint: "; use `structured_outputs` with `regex`",
        },
    ];
}

impl ChatRequest {
    /// The conversation.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Unsupported`] for tools and media.
    pub(crate) fn messages(&self, limit: usize) -> Result<Vec<Message>, ApiError> {
        let count = self.messages.len();
        if count == 0 || count > limit {
            return Err(invalid(format!("{count} messages were sent, 1 to {limit} are taken")));
        }
        self.messages.iter().enumerate().map(|(idx, message)| read(idx, message)).collect()
    }

    /// The output limit with the name of the field that gave it.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if both fields are there and differ.
    pub(crate) fn max_tokens(&self) -> Result<Option<(&'static str, usize)>, ApiError> {
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
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if alternatives were asked for without log-probabilities.
    pub(crate) fn logprobs(&self) -> Result<Option<usize>, ApiError> {
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

fn invalid(reason: String) -> ApiError {
    ApiError::InvalidField { field: "messages", reason }
}

fn read(idx: usize, message: &WireMessage) -> Result<Message, ApiError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => {
            return Err(ApiError::Unsupported { field: "messages", hint: " with the role `tool`" });
        }
        other => {
            let other: String = other.chars().take(40).collect();
            let known = "system, developer, user, assistant";
            return Err(invalid(format!("message {idx} has the role `{other}`; known: {known}")));
        }
    };
    if message.tool_calls.as_ref().is_some_and(|calls| !is_empty(calls)) {
        return Err(ApiError::Unsupported { field: "messages", hint: " with `tool_calls`" });
    }
    let text = match &message.content {
        None => return Err(invalid(format!("message {idx} has no content"))),
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => {
            let mut text = String::new();
            for part in parts {
                let Some(part) = part.text.as_ref().filter(|_| part.kind == "text") else {
                    let hint = " with content other than text";
                    return Err(ApiError::Unsupported { field: "messages", hint });
                };
                text.push_str(part);
            }
            text
        }
    };
    Ok(Message::new(role, text))
}
