//! From a request to a running generation.

use super::events::Turn;
use super::request::TurnRequest;
use crate::app::App;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::models::{LanguageModel, ServedModel};
use crate::sampling::max_new_tokens;
use crate::thinking::{Thinking, opens};
use crate::tools::Calling;
use catena_engine::Request;
use catena_protocol::{ChatMessage, Passage};
use std::time::Instant;

/// The model called `name` that holds conversations.
///
/// # Errors
/// As [`App::model`]; [`ApiError::WrongModel`].
pub(crate) async fn language_model(app: &App, name: &str) -> Result<LanguageModel, ApiError> {
    conversing(name, &app.model(name).await?)
}

fn conversing(name: &str, served: &ServedModel) -> Result<LanguageModel, ApiError> {
    match served {
        ServedModel::Language(model) => Ok(model.clone()),
        ServedModel::Assistant(assistant) => Ok(assistant.model.clone()),
        ServedModel::Embedder(_) | ServedModel::Classifier(_) => Err(ApiError::WrongModel {
            model: name.to_owned(),
            needs: "a model that answers conversations",
        }),
    }
}

/// Retrieves, words the prompt and submits it; `started` is when the HTTP request arrived.
///
/// # Errors
/// What is wrong with the request, or why it cannot run.
pub(crate) async fn start(
    app: &App,
    request: TurnRequest,
    started: Instant,
) -> Result<Turn, ApiError> {
    let prompt = prepare(app, request).await?;
    let (app, model) = (app.clone(), prompt.model);
    let requests = vec![prompt.request];
    let choices = requests[0].params.n;
    let prompt_tokens = requests[0].prompt_tokens.len();
    let generation = Generation::start(&app, &prompt.name, &model, requests, started).await?;
    let (calling, passages) = (&prompt.calling, prompt.passages);
    Ok(Turn::new(&app, generation, model.engine, choices, calling, passages, prompt_tokens))
}

/// Tokens of the prompt that a request has; nothing is generated.
///
/// # Errors
/// What is wrong with the request.
pub(crate) async fn count_tokens(app: &App, request: TurnRequest) -> Result<usize, ApiError> {
    Ok(prepare(app, request).await?.request.prompt_tokens.len())
}

/// A request on its way to the engine.
struct Prompt {
    name: String,
    model: LanguageModel,
    request: Request,
    calling: Calling,
    passages: Option<Vec<Passage>>,
}

async fn prepare(app: &App, request: TurnRequest) -> Result<Prompt, ApiError> {
    request.tools.check()?;
    let served = app.model(&request.model).await?;
    let model = conversing(&request.model, &served)?;
    app.workers().run(move || word(&served, model, request)).await
}

/// Retrieves, words the prompt and encodes it. Computes.
fn word(
    served: &ServedModel,
    model: LanguageModel,
    request: TurnRequest,
) -> Result<Prompt, ApiError> {
    let calling = Calling::new(request.tools, &*model.codec);
    let mut passages: Option<Vec<Passage>> = None;
    let mut messages: Vec<ChatMessage> = request.messages;
    if let ServedModel::Assistant(assistant) = served {
        let (grounded, found) = assistant.ground(messages)?;
        (messages, passages) = (grounded, Some(found));
    }
    let mut variables = request.variables.unwrap_or_default();
    let set = |thinking: &Thinking| thinking.set(&*model.codec, &mut variables);
    let was_set = request.thinking.as_ref().is_some_and(set);
    let prompt_tokens = calling.encode(&*model.codec, &messages, Some(&variables))?;
    if let Some(thinking) = &request.thinking {
        thinking.check(was_set, opens(model.engine.intake().vocabulary(), &prompt_tokens))?;
    }
    let mut params = request.params;
    let default = if request.fills_context { usize::MAX } else { model.default_max_tokens };
    params.max_new_tokens = max_new_tokens(
        request.max_tokens,
        default,
        prompt_tokens.len(),
        model.engine.intake().context_tokens(),
    )?;
    // Before anything is made for each of the answers.
    params.validate()?;
    let constraint = calling.constraint(request.form)?;
    let priority = request.priority;
    let engine_request = Request { constraint, priority, ..Request::new(prompt_tokens, params) };
    Ok(Prompt { name: request.model, model, request: engine_request, calling, passages })
}
