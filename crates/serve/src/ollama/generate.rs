//! `POST /api/generate`.

use super::asked::{Ask, Asked, Begun, Ready, begin};
use super::line::Form;
use super::options::{Length, Options};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::error::ApiError;
use crate::generation::Generation;
use crate::ignored::Ignored;
use crate::models::LanguageModel;
use crate::sampling::max_new_tokens;
use crate::stream;
use crate::turn::{self, TurnRequest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::Request;
use catena_protocol::{ChatMessage, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaGenerateRequest")]
pub(super) struct GenerateRequest {
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    system: String,
    #[serde(default)]
    raw: bool,
    #[serde(flatten)]
    asked: Asked,
}

impl ApiRequest for GenerateRequest {
    const KNOWN: &'static [&'static str] = &["prompt", "system", "raw"];
    const SHARED: &'static [&'static str] = Asked::NAMES;
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
    let Parsed { value: request, mut ignored } =
        parse::<GenerateRequest>(body, app.limits().max_body_bytes)?;
    let ready = match begin(&app, request, &mut ignored, started).await? {
        Begun::Told(answer) => return Ok(ignored.tell(answer)),
        Begun::Ready(ready) => ready,
    };
    let Ready { mut request, model, lines, stream } = ready;
    if request.raw {
        let name = request.asked.model().to_owned();
        let options = request.asked.options(&mut ignored)?;
        let prepared = model.clone();
        let prepare = move || request.text(&prepared, &options);
        let requests = vec![app.workers().run(prepare).await?];
        let mut texts = Generation::start(&app, &name, &model, requests, started).await?;
        if stream {
            return Ok(ignored.tell(stream::lines(texts, lines)));
        }
        return Ok(ignored.tell(Json(lines.whole_text(&mut texts).await?).into_response()));
    }
    let max_messages = app.limits().max_messages;
    let request = request.turn(model.default_temperature, max_messages, &mut ignored)?;
    let turn = turn::start(&app, request, started).await?;
    Ok(ignored.tell(lines.answer(turn, stream).await?))
}

impl Ask for GenerateRequest {
    const FORM: Form = Form::Generate;

    fn asked(&mut self) -> &mut Asked {
        &mut self.asked
    }

    fn has_prompt(&self) -> bool {
        !self.prompt.is_empty()
    }

    fn turn(
        self,
        default_temperature: f32,
        _: usize,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError> {
        let system = Some(self.system).filter(|text| !text.is_empty());
        let system = system.map(|text| ChatMessage::new(Role::System, text)).into_iter();
        let messages = system.chain([ChatMessage::new(Role::User, self.prompt)]).collect();
        self.asked.turn(messages, default_temperature, ignored)
    }
}

impl GenerateRequest {
    /// Encodes the prompt as it is. Computes.
    fn text(self, model: &LanguageModel, options: &Options) -> Result<Request, ApiError> {
        if !self.system.is_empty() {
            let reason = "it has no place in a `raw` prompt".to_owned();
            return Err(ApiError::InvalidField { field: "system", reason });
        }
        if self.asked.think.is_some() {
            let reason = "a `raw` prompt says itself whether the model thinks".to_owned();
            return Err(ApiError::InvalidField { field: "think", reason });
        }
        let prompt = model.codec.encode_text(&self.prompt)?;
        let mut params = options.params(model.default_temperature);
        let constraint;
        (constraint, params.logprobs) = self.asked.output()?;
        let (asked, default) = match options.length() {
            Length::Default => (None, model.default_max_tokens),
            Length::Tokens(tokens) => (Some(("options.num_predict", tokens)), 0),
            Length::Context => (None, usize::MAX),
        };
        let context_tokens = model.engine.intake().context_tokens();
        params.max_new_tokens = max_new_tokens(asked, default, prompt.len(), context_tokens)?;
        Ok(Request { constraint, ..Request::new(prompt, params) })
    }
}
