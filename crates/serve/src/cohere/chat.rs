//! `POST /v2/chat`.

use super::documents::{CitationOptions, Document, passages};
use super::events::Events;
use super::response::{finish_reason, logprobs, message, usage};
use crate::app::{App, ServeLimits};
use crate::body::{ApiRequest, Parsed, Refused, from_object, from_some_object, is_empty, parse};
use crate::chat::{WireCall, WireMessage, WireTool};
use crate::context;
use crate::error::ApiError;
use crate::sampling::random_seed;
use crate::stream;
use crate::thinking::WireThinking;
use crate::tools::{MAX_TOOLS, Tool, ToolChoice, Tools};
use crate::turn::{self, TurnRequest, check_messages};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::{Constraint, MAX_STOP_BYTES, MAX_STOP_STRINGS, SamplingParams};
use catena_protocol::ChatMessage;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CohereChatRequest")]
pub(super) struct ChatRequest {
    model: String,
    #[schemars(schema_with = "messages")]
    messages: Vec<Value>,
    #[serde(default)]
    #[schemars(length(max = MAX_TOOLS))]
    tools: Vec<WireTool>,
    #[serde(default)]
    strict_tools: bool,
    tool_choice: Option<WireChoice>,
    response_format: Option<ResponseFormat>,
    #[schemars(range(min = 1))]
    max_tokens: Option<usize>,
    #[serde(default)]
    #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_STOP_BYTES)))]
    stop_sequences: Vec<String>,
    #[schemars(range(min = 0.0, max = 10.0))]
    temperature: Option<f32>,
    seed: Option<u64>,
    #[schemars(range(min = -2.0, max = 2.0))]
    frequency_penalty: Option<f32>,
    #[schemars(range(min = -2.0, max = 2.0))]
    presence_penalty: Option<f32>,
    k: Option<usize>,
    #[schemars(range(min = 0.0, max = 1.0))]
    p: Option<f32>,
    #[serde(default)]
    logprobs: bool,
    #[serde(default)]
    stream: bool,
    #[serde(default, deserialize_with = "from_some_object")]
    thinking: Option<WireThinking>,
    /// What the question is to be answered from.
    #[serde(default)]
    documents: Vec<Document>,
    #[serde(default, deserialize_with = "from_some_object")]
    citation_options: Option<CitationOptions>,
    #[serde(default)]
    priority: i32,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "CohereToolChoice")]
enum WireChoice {
    Required,
    None,
}

/// The form of the answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "CohereResponseFormat")]
enum ResponseFormat {
    Text,
    JsonObject {
        #[schemars(with = "Option<Map<String, Value>>")]
        json_schema: Option<Value>,
        /// An older name of the same.
        #[schemars(with = "Option<Map<String, Value>>")]
        schema: Option<Value>,
    },
}

/// The schema of messages, whose parts may be documents too.
fn messages(generator: &mut SchemaGenerator) -> Schema {
    let call = generator.subschema_for::<WireCall>();
    let document = json!({
        "type": "object",
        "properties": {"id": {"type": ["string", "null"]}, "data": {}},
        "required": ["data"],
    });
    let part = json!({
        "type": "object",
        "properties": {
            "type": {"enum": ["text", "document"]},
            "text": {"type": ["string", "null"]},
            "document": {"anyOf": [document, {"type": "null"}]},
        },
        "required": ["type"],
    });
    json_schema!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "properties": {
                "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
                "content": {"anyOf": [
                    {"type": ["string", "null"]},
                    {"type": "array", "items": part},
                ]},
                "tool_calls": {"type": ["array", "null"], "items": call},
                "tool_call_id": {"type": ["string", "null"]},
                "tool_plan": {"type": ["string", "null"]},
            },
            "required": ["role"],
        },
    })
}

impl ApiRequest for ChatRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "messages",
        "tools",
        "strict_tools",
        "tool_choice",
        "response_format",
        "max_tokens",
        "stop_sequences",
        "temperature",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "k",
        "p",
        "logprobs",
        "stream",
        "thinking",
        "documents",
        "citation_options",
        "priority",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused {
            field: "safety_mode",
            is_neutral: |value| *value == "OFF" || *value == "NONE",
            hint: "; put your rules into a message of the system",
        },
        Refused { field: "raw_prompting", is_neutral: is_empty, hint: "; use `/v1/completions`" },
    ];
}

/// Answers a conversation.
pub(crate) async fn chat(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<ChatRequest>(body, app.limits().max_body_bytes)?;
    let (stream, with_logprobs) = (request.stream, request.logprobs);
    let cites = request.citation_options.as_ref().is_none_or(CitationOptions::are_on);
    let temperature = turn::language_model(&app, &request.model).await?.default_temperature;
    let request = request.turn(temperature, app.limits())?;
    let may_plan = request.tools.are_offered();
    let mut turn = turn::start(&app, request, started).await?;
    let id = context::answered_as(app.answer_id("chat"));
    if stream {
        return Ok(ignored.tell(stream::sse(turn, Events::new(id, with_logprobs, cites, may_plan))));
    }
    let answer = turn.whole_first().await?;
    let mut body = json!({
        "id": id,
        "finish_reason": finish_reason(answer.reason, answer.stop.as_deref()),
        "message": message(&answer, turn.passages().filter(|_| cites)),
        "usage": usage(&turn.counts()),
    });
    if with_logprobs {
        body["logprobs"] = answer.tokens.iter().map(|t| logprobs(turn.vocabulary(), t)).collect();
    }
    Ok(ignored.tell(Json(body).into_response()))
}

impl ChatRequest {
    fn turn(self, default_temperature: f32, limits: ServeLimits) -> Result<TurnRequest, ApiError> {
        check_messages("messages", self.messages.len(), limits.max_messages)?;
        let documents = passages(self.documents, limits.max_inputs)?;
        let messages = self.messages.into_iter().enumerate();
        let messages: Vec<ChatMessage> =
            messages.map(|(idx, message)| read(idx, message)).collect::<Result<_, _>>()?;
        let tools = self.tools.into_iter().enumerate().map(|(idx, tool)| tool.read(idx));
        let mut list: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        for tool in &mut list {
            tool.strict |= self.strict_tools;
        }
        let choice = match self.tool_choice {
            None => ToolChoice::Auto,
            Some(WireChoice::Required) => ToolChoice::Required,
            Some(WireChoice::None) => ToolChoice::None,
        };
        let form = self.response_format.and_then(|format| match format {
            ResponseFormat::Text => None,
            ResponseFormat::JsonObject { json_schema, schema } => {
                Some(json_schema.or(schema).map_or(Constraint::JsonObject, Constraint::JsonSchema))
            }
        });
        let base = SamplingParams::default();
        let params = SamplingParams {
            temperature: self.temperature.unwrap_or(default_temperature),
            top_k: self.k.filter(|&k| k > 0),
            // Cohere takes 0 for all of them.
            top_p: self.p.filter(|&p| p != 0.0).unwrap_or(base.top_p),
            frequency_penalty: self.frequency_penalty.unwrap_or(base.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(base.presence_penalty),
            seed: self.seed.unwrap_or_else(random_seed),
            stop: self.stop_sequences,
            logprobs: self.logprobs.then_some(0),
            ..base
        };
        let turn = TurnRequest::new(self.model, messages, params);
        Ok(TurnRequest {
            documents,
            tools: Tools { list, choice, one_call: false },
            max_tokens: self.max_tokens.map(|tokens| ("max_tokens", tokens)),
            form,
            thinking: self.thinking.and_then(WireThinking::read),
            priority: self.priority,
            ..turn
        })
    }
}

/// The turn that stands at `idx`. What a tool gives may come as documents, which become their JSON.
fn read(idx: usize, mut message: Value) -> Result<ChatMessage, ApiError> {
    let refused = |reason: String| ApiError::InvalidField {
        field: "messages",
        reason: format!("message {idx}: {reason}"),
    };
    let parts = message["content"].as_array().into_iter().flatten();
    if !parts.filter_map(|part| part.get("document")).all(is_document) {
        return Err(refused("a `document` is an object with `data` and maybe a text `id`".into()));
    }
    if message["role"] == "tool"
        && let Some(parts) = message["content"].as_array_mut()
    {
        for part in parts.iter_mut().filter(|part| part["type"] == "document") {
            let data = &part["document"]["data"];
            let text = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
            *part = json!({"type": "text", "text": text});
        }
    }
    if message["content"].is_null() && message["tool_plan"].is_string() {
        message["content"] = message["tool_plan"].take();
    }
    let invalid = |error: serde_json::Error| refused(error.to_string());
    from_object::<_, WireMessage>(message).map_err(invalid)?.read(idx)
}

/// Whether a part's `document` is what the schema says, or nothing.
fn is_document(document: &Value) -> bool {
    let has_id = document["id"].is_null() || document["id"].is_string();
    document.is_null() || document.get("data").is_some() && has_id
}
