//! What chats and prompts have in common.

use super::keep_alive;
use super::line::Form;
use super::lines::Lines;
use super::name::served_name;
use super::options::{Length, Options, Think, form, form_schema, logprobs};
use crate::app::App;
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::models::LanguageModel;
use crate::openapi::Fields;
use crate::turn::{self, TurnRequest};
use axum::Json;
use axum::response::{IntoResponse, Response};
use catena_engine::{Constraint, MAX_TOP_LOGPROBS};
use catena_protocol::ChatMessage;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// Fields of both.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Asked {
    model: String,
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
    pub(super) think: Option<Think>,
}

/// A request for more words, or for the model alone.
pub(super) trait Ask: Sized {
    /// The form of its answer.
    const FORM: Form;

    /// What it shares with others.
    fn asked(&mut self) -> &mut Asked;

    /// Whether there is something to answer.
    fn has_prompt(&self) -> bool;

    /// The turn that is asked for; names in `ignored` what has no effect.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Unsupported`], [`ApiError::Json`].
    fn turn(
        self,
        default_temperature: f32,
        max_messages: usize,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError>;
}

/// A request whose model is there.
pub(super) enum Begun<T> {
    /// It had nothing to answer; this is what is told.
    Told(Response),
    /// It is to be answered.
    Ready(Ready<T>),
}

/// What is to be answered, by whom and how.
pub(super) struct Ready<T> {
    pub(super) request: T,
    pub(super) model: LanguageModel,
    pub(super) lines: Lines,
    pub(super) stream: bool,
}

/// Finds the model, or takes it out of memory where the client asks for that.
///
/// # Errors
/// What is wrong with the request; as [`turn::language_model`].
pub(super) async fn begin<T: Ask>(
    app: &App,
    mut request: T,
    ignored: &mut Ignored,
    started: Instant,
) -> Result<Begun<T>, ApiError> {
    let has_prompt = request.has_prompt();
    let max_messages = app.limits().max_messages;
    let asked = request.asked();
    let called = asked.model.clone();
    let name = served_name(app, called.clone());
    asked.model.clone_from(&name);
    let (stream, with_logprobs) = (asked.stream != Some(false), asked.logprobs);
    let keep = (asked.keep_alive.as_ref(), has_prompt);
    if keep_alive::asks_to_unload(app, &name, keep, ignored) {
        request.turn(0.0, max_messages, ignored)?.params.validate()?;
        let answer = keep_alive::unload(app, (&called, &name), T::FORM).await?;
        return Ok(Begun::Told(answer));
    }
    let model = turn::language_model(app, &name).await?;
    let lines = Lines::new(called, T::FORM, model.engine.clone(), with_logprobs, started);
    if !has_prompt {
        request.turn(model.default_temperature, max_messages, ignored)?.params.validate()?;
        return Ok(Begun::Told(Json(lines.loaded()).into_response()));
    }
    Ok(Begun::Ready(Ready { request, model, lines, stream }))
}

impl Asked {
    /// Fields of both, for the tables of what routes know.
    pub(super) const NAMES: &'static [&'static str] = &[
        "model",
        "stream",
        "format",
        "options",
        "logprobs",
        "top_logprobs",
        "keep_alive",
        "think",
    ];

    /// The name under which the model is served.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The options; names in `ignored` what of them has no effect.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub(super) fn options(&mut self, ignored: &mut Ignored) -> Result<Options, ApiError> {
        Options::read(std::mem::take(&mut self.options), ignored)
    }

    /// The form of the answer, and the alternatives to report beside each token.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`].
    pub(super) fn output(self) -> Result<(Option<Constraint>, Option<usize>), ApiError> {
        Ok((form(self.format)?, logprobs(self.logprobs, self.top_logprobs)?))
    }

    /// The turn after `messages`.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Unsupported`], [`ApiError::Json`].
    pub(super) fn turn(
        mut self,
        messages: Vec<ChatMessage>,
        default_temperature: f32,
        ignored: &mut Ignored,
    ) -> Result<TurnRequest, ApiError> {
        let options = self.options(ignored)?;
        let thinking = self.think.take().map(Think::read).transpose()?;
        let model = std::mem::take(&mut self.model);
        let mut params = options.params(default_temperature);
        let form;
        (form, params.logprobs) = self.output()?;
        let (max_tokens, fills_context) = match options.length() {
            Length::Default => (None, false),
            Length::Tokens(tokens) => (Some(("options.num_predict", tokens)), false),
            Length::Context => (None, true),
        };
        let request = TurnRequest::new(model, messages, params);
        Ok(TurnRequest { max_tokens, fills_context, form, thinking, ..request })
    }
}
