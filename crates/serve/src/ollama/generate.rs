//! `POST /api/generate`.

use super::chat::with_length;
use super::keep_alive;
use super::lines::{Form, Lines};
use super::name::served_name;
use super::options::{Length, Options, Think, form, form_schema, logprobs};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::error::ApiError;
use crate::generation::Generation;
use crate::ignored::Ignored;
use crate::models::LanguageModel;
use crate::openapi::Fields;
use crate::sampling::max_new_tokens;
use crate::stream;
use crate::turn::{self, TurnRequest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::{MAX_TOP_LOGPROBS, Request};
use catena_protocol::{ChatMessage, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaGenerateRequest")]
pub(super) struct GenerateRequest {
    model: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    system: String,
    #[serde(default)]
    raw: bool,
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

impl ApiRequest for GenerateRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "prompt",
        "system",
        "raw",
        "stream",
        "format",
        "options",
        "logprobs",
        "top_logprobs",
        "keep_alive",
        "think",
    ];
    const APART: &'static [&'static str] = &["options"];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "suffix", is_neutral: is_empty, hint: "" },
        Refused { field: "images", is_neutral: is_empty, hint: "" },
        Refused { field: "template", is_neutral: is_empty, hint: "; use `raw`" },
        Refused { field: "context", is_neutral: is_empty, hint: "; use `/api/chat`" },
    ];
}

/// Answers a prompt in the model's chat template, or continues it as it is.
pub(crate) async fn generate(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: mut request, mut ignored } =
        parse::<GenerateRequest>(body, app.limits().max_body_bytes)?;
    let asked = request.model.clone();
    request.model = served_name(&app, request.model);
    let (stream, with_logprobs) = (request.stream != Some(false), request.logprobs);
    let keep = (request.keep_alive.as_ref(), !request.prompt.is_empty());
    if keep_alive::asks_to_unload(&app, &request.model, keep, &mut ignored) {
        let model = request.model.clone();
        request.turn(0.0, &mut ignored)?.params.validate()?;
        let answer = keep_alive::unload(&app, (&asked, &model), Form::Generate).await?;
        return Ok(ignored.tell(answer));
    }
    let model = turn::language_model(&app, &request.model).await?;
    let lines = Lines::new(asked, Form::Generate, model.engine.clone(), with_logprobs, started);
    if request.prompt.is_empty() {
        request.turn(model.default_temperature, &mut ignored)?.params.validate()?;
        return Ok(ignored.tell(Json(lines.loaded()).into_response()));
    }
    if request.raw {
        let name = request.model.clone();
        let options = Options::read(std::mem::take(&mut request.options), &mut ignored)?;
        let prepared = model.clone();
        let prepare = move || request.text(&prepared, &options);
        let requests = vec![app.workers().run(prepare).await?];
        let mut texts = Generation::start(&app, &name, &model, requests, started).await?;
        if stream {
            return Ok(ignored.tell(stream::lines(texts, lines)));
        }
        return Ok(ignored.tell(Json(lines.whole_text(&mut texts).await?).into_response()));
    }
    let request = request.turn(model.default_temperature, &mut ignored)?;
    let turn = turn::start(&app, request, started).await?;
    Ok(ignored.tell(lines.answer(turn, stream).await?))
}

impl GenerateRequest {
    fn turn(
        self,
        default_temperature: f32,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError> {
        let system = Some(self.system).filter(|text| !text.is_empty());
        let messages: Vec<ChatMessage> = system
            .map(|text| ChatMessage::new(Role::System, text))
            .into_iter()
            .chain([ChatMessage::new(Role::User, self.prompt)])
            .collect();
        let options = Options::read(self.options, ignored)?;
        let mut params = options.params(default_temperature);
        params.logprobs = logprobs(self.logprobs, self.top_logprobs)?;
        let request = TurnRequest::new(self.model, messages, params);
        let thinking = self.think.map(Think::read).transpose()?;
        Ok(with_length(TurnRequest { form: form(self.format)?, thinking, ..request }, &options))
    }

    /// Encodes the prompt as it is. Computes.
    fn text(self, model: &LanguageModel, options: &Options) -> Result<Request, ApiError> {
        if !self.system.is_empty() {
            let reason = "it has no place in a `raw` prompt".to_owned();
            return Err(ApiError::InvalidField { field: "system", reason });
        }
        if self.think.is_some() {
            let reason = "a `raw` prompt says itself whether the model thinks".to_owned();
            return Err(ApiError::InvalidField { field: "think", reason });
        }
        let prompt = model.codec.encode_text(&self.prompt)?;
        let mut params = options.params(model.default_temperature);
        params.logprobs = logprobs(self.logprobs, self.top_logprobs)?;
        let (asked, default) = match options.length() {
            Length::Default => (None, model.default_max_tokens),
            Length::Tokens(tokens) => (Some(("options.num_predict", tokens)), 0),
            Length::Context => (None, usize::MAX),
        };
        let context_tokens = model.engine.intake().context_tokens();
        params.max_new_tokens = max_new_tokens(asked, default, prompt.len(), context_tokens)?;
        Ok(Request { constraint: form(self.format)?, ..Request::new(prompt, params) })
    }
}
