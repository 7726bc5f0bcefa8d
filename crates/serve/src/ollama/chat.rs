//! `POST /api/chat`.

use super::asked::{Ask, Asked, Begun, Ready, begin};
use super::line::Form;
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::chat::WireTool;
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::tools::{MAX_TOOLS, Tool, Tools};
use crate::turn::{self, TurnRequest, check_messages, role};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use catena_protocol::{ChatMessage, ToolCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaChatRequest")]
pub(super) struct ChatRequest {
    #[serde(default)]
    messages: Vec<WireMessage>,
    #[serde(default)]
    #[schemars(length(max = MAX_TOOLS))]
    tools: Vec<WireTool>,
    #[serde(flatten)]
    asked: Asked,
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
    const KNOWN: &'static [&'static str] = &["messages", "tools"];
    const SHARED: &'static [&'static str] = Asked::NAMES;
    const APART: &'static [&'static str] = &["options"];
    const REFUSED: &'static [Refused] = &[];
}

/// Answers a conversation.
pub(crate) async fn chat(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, mut ignored } =
        parse::<ChatRequest>(body, app.limits().max_body_bytes)?;
    let ready = match begin(&app, request, &mut ignored, started).await? {
        Begun::Told(answer) => return Ok(ignored.tell(answer)),
        Begun::Ready(ready) => ready,
    };
    let Ready { request, model, lines, stream } = ready;
    let max_messages = app.limits().max_messages;
    let request = request.turn(model.default_temperature, max_messages, &mut ignored)?;
    let turn = turn::start(&app, request, started).await?;
    Ok(ignored.tell(lines.answer(turn, stream).await?))
}

impl Ask for ChatRequest {
    const FORM: Form = Form::Chat;

    fn asked(&mut self) -> &mut Asked {
        &mut self.asked
    }

    fn has_prompt(&self) -> bool {
        !self.messages.is_empty()
    }

    fn turn(
        self,
        default_temperature: f32,
        max_messages: usize,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError> {
        // Without messages the model is only made ready.
        check_messages("messages", self.messages.len().max(1), max_messages)?;
        let messages = self.messages.into_iter().enumerate();
        let messages: Vec<ChatMessage> =
            messages.map(|(idx, message)| message.read(idx)).collect::<Result<_, _>>()?;
        let tools = self.tools.into_iter().enumerate().map(|(idx, tool)| tool.read(idx));
        let list: Vec<Tool> = tools.collect::<Result<_, _>>()?;
        let request = self.asked.turn(messages, default_temperature, ignored)?;
        Ok(TurnRequest { tools: Tools { list, ..Tools::default() }, ..request })
    }
}

impl WireMessage {
    fn read(self, idx: usize) -> Result<ChatMessage, ApiError> {
        let known = ["system", "user", "assistant", "tool"];
        let role = role(("messages", format_args!("message {idx}")), &self.role, &known)?;
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
