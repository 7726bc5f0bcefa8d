//! From a request to a running generation.

use super::events::{Asked, Turn};
use super::request::TurnRequest;
use crate::app::App;
use crate::assistant::grounded;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::models::{LanguageModel, ServedModel};
use crate::sampling::max_new_tokens;
use crate::thinking::{Thinking, behind_thoughts, opens};
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
    let asked = Asked {
        choices: prompt.request.params.n,
        calling: &prompt.calling,
        passages: prompt.passages,
        prompt_tokens: prompt.request.prompt_tokens.len(),
        thinks: prompt.thinks,
    };
    let requests = vec![prompt.request];
    let generation = Generation::start(&app, &prompt.name, &model, requests, started).await?;
    Ok(Turn::new(&app, generation, model.engine, asked))
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
    /// Whether it ends where thoughts begin.
    thinks: bool,
}

async fn prepare(app: &App, request: TurnRequest) -> Result<Prompt, ApiError> {
    request.tools.check()?;
    let served = app.model(&request.model).await?;
    let model = conversing(&request.model, &served)?;
    app.workers().run(move || word(&served, model, request)).await
}

/// The conversation with the passages that it is answered from: those that the client has brought
/// along, or what an assistant finds.
fn ground(
    served: &ServedModel,
    messages: Vec<ChatMessage>,
    documents: Vec<Passage>,
) -> Result<(Vec<ChatMessage>, Option<Vec<Passage>>), ApiError> {
    if !documents.is_empty() {
        let (messages, passages) = grounded(messages, |_| Ok(documents))?;
        return Ok((messages, Some(passages)));
    }
    match served {
        ServedModel::Assistant(assistant) => {
            let (messages, passages) = assistant.ground(messages)?;
            Ok((messages, Some(passages)))
        }
        ServedModel::Language(_) | ServedModel::Embedder(_) | ServedModel::Classifier(_) => {
            Ok((messages, None))
        }
    }
}

/// Retrieves, words the prompt and encodes it. Computes.
fn word(
    served: &ServedModel,
    model: LanguageModel,
    request: TurnRequest,
) -> Result<Prompt, ApiError> {
    let calling = Calling::new(request.tools, &*model.codec);
    let (messages, passages) = ground(served, request.messages, request.documents)?;
    let mut variables = request.variables.unwrap_or_default();
    let set = |thinking: &Thinking| thinking.set(&*model.codec, &mut variables);
    let was_set = request.thinking.as_ref().is_some_and(set);
    let prompt_tokens = calling.encode(&*model.codec, &messages, Some(&variables))?;
    let vocabulary = model.engine.intake().vocabulary();
    let thinks = opens(vocabulary, &prompt_tokens);
    if let Some(thinking) = &request.thinking {
        thinking.check(was_set, thinks)?;
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
    let constraint = match calling.constraint(request.form)? {
        Some(constraint) if thinks => Some(behind_thoughts(constraint, vocabulary)?),
        constraint => constraint,
    };
    let priority = request.priority;
    let name = request.model;
    let request = Request { constraint, priority, ..Request::new(prompt_tokens, params) };
    Ok(Prompt { name, model, request, calling, passages, thinks })
}
