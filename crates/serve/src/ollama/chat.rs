//! `POST /api/chat`.

use super::keep_alive;
use super::lines::{Form, Lines};
use super::name::served_name;
use super::options::{Length, Options, Think, form, form_schema, logprobs};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::chat::WireTool;
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::openapi::Fields;
use crate::tools::{MAX_TOOLS, Tool, Tools};
use crate::turn::{self, TurnRequest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::MAX_TOP_LOGPROBS;
use catena_protocol::{ChatMessage, Role, ToolCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaChatRequest")]
pub(super) struct ChatRequest {
    model: String,
    #[serde(default)]
    messages: Vec<WireMessage>,
    #[serde(default)]
    #[schemars(length(max = MAX_TOOLS))]
    tools: Vec<WireTool>,
    stream: Option<bool>,
    #[serde(default)]
    #[schemars(schema_with = "form_schema")]
    format: Option<Value>,
    #[serde(default)]
    #[schemars(with = "Fields<Options>")]
    options: Map<String, Value>,
    #[serde(default)]
    logprobs: bool,
    #[schemars(range(max = MAX_TOP_LOGPROBS))]
    top_logprobs: Option<usize>,
    keep_alive: Option<Value>,
    think: Option<Think>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaMessage")]
struct WireMessage {
    #[schemars(extend("enum" = ["system", "user", "assistant", "tool"]))]
    role: String,
    content: Option<String>,
    thinking: Option<String>,
    images: Option<Value>,
    tool_name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaToolCall")]
struct WireCall {
    function: WireFunction,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaCalledFunction")]
struct WireFunction {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl ApiRequest for ChatRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "messages",
        "tools",
        "stream",
        "format",
        "options",
        "logprobs",
        "top_logprobs",
        "keep_alive",
        "think",
    ];
    const APART: &'static [&'static str] = &["options"];
    const REFUSED: &'static [Refused] = &[];
}

/// Answers a conversation.
pub(crate) async fn chat(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: mut request, mut ignored } =
        parse::<ChatRequest>(body, app.limits().max_body_bytes)?;
    let asked = request.model.clone();
    request.model = served_name(&app, request.model);
    let (stream, with_logprobs) = (request.stream != Some(false), request.logprobs);
    let keep = (request.keep_alive.as_ref(), !request.messages.is_empty());
    if keep_alive::asks_to_unload(&app, &request.model, keep, &mut ignored) {
        let model = request.model.clone();
        request.turn(0.0, app.limits().max_messages, &mut ignored)?.params.validate()?;
        let answer = keep_alive::unload(&app, (&asked, &model), Form::Chat).await?;
        return Ok(ignored.tell(answer));
    }
    let model = turn::language_model(&app, &request.model).await?;
    let lines = Lines::new(asked, Form::Chat, model.engine.clone(), with_logprobs, started);
    let temperature = model.default_temperature;
    let request = request.turn(temperature, app.limits().max_messages, &mut ignored)?;
    if request.messages.is_empty() {
        request.params.validate()?;
        return Ok(ignored.tell(Json(lines.loaded()).into_response()));
    }
    let turn = turn::start(&app, request, started).await?;
    Ok(ignored.tell(lines.answer(turn, stream).await?))
}

impl ChatRequest {
    fn turn(
        self,
        default_temperature: f32,
        max_messages: usize,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError> {
        let count = self.messages.len();
        if count > max_messages {
            let reason = format!("{count} messages were sent, at most {max_messages} are taken");
            return Err(ApiError::InvalidField { field: "messages", reason });
        }
        let messages: Vec<ChatMessage> = self
            .messages
            .into_iter()
            .enumerate()
            .map(|(idx, message)| message.read(idx))
            .collect::<Result<_, _>>()?;
        let tools = self.tools.into_iter().enumerate().map(|(idx, tool)| tool.read(idx));
        let list: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        let options = Options::read(self.options, ignored)?;
        let mut params = options.params(default_temperature);
        params.logprobs = logprobs(self.logprobs, self.top_logprobs)?;
        let request = TurnRequest::new(self.model, messages, params);
        let tools = Tools { list, ..Tools::default() };
        let thinking = self.think.map(Think::read).transpose()?;
        let form = form(self.format)?;
        Ok(with_length(TurnRequest { tools, form, thinking, ..request }, &options))
    }
}

/// The request with the length that `options` ask for.
pub(super) fn with_length(request: TurnRequest, options: &Options) -> TurnRequest {
    match options.length() {
        Length::Default => request,
        Length::Tokens(tokens) => {
            TurnRequest { max_tokens: Some(("options.num_predict", tokens)), ..request }
        }
        Length::Context => TurnRequest { fills_context: true, ..request },
    }
}

impl WireMessage {
    fn read(self, idx: usize) -> Result<ChatMessage, ApiError> {
        let role = match self.role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let other: String = other.chars().take(40).collect();
                let known = "system, user, assistant, tool";
                let reason = format!("message {idx} has the role `{other}`; known: {known}");
                return Err(ApiError::InvalidField { field: "messages", reason });
            }
        };
        if self.images.is_some_and(|images| !is_empty(&images)) {
            let hint = " with `images`";
            return Err(ApiError::Unsupported { field: "messages", hint });
        }
        let call = |call: WireCall| {
            ToolCall::new(call.function.name, Value::Object(call.function.arguments))
        };
        let tool_calls: Vec<ToolCall> =
            self.tool_calls.unwrap_or_default().into_iter().map(call).collect();
        let content = self.content.filter(|text| !text.is_empty() || tool_calls.is_empty());
        Ok(ChatMessage {
            content,
            reasoning_content: self.thinking,
            name: self.tool_name,
            tool_calls,
            ..ChatMessage::new(role, String::new())
        })
    }
}
