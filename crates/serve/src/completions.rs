//! `POST /v1/completions`.

use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, from_object, is_empty, is_one, parse};
use crate::context;
use crate::counts::{Counts, usage_shape};
use crate::error::ApiError;
use crate::generation::{Generation, finish_reason};
use crate::logprobs::{finite, token_text};
use crate::models::{LanguageModel, ServedModel};
use crate::openapi::shapes::{
    anything, count, either, list, map, nullable, number, object, some, text, word, words,
};
use crate::openapi::{Operation, Tag};
use crate::sampling::{SamplingFields, max_new_tokens};
use crate::stream::{self, Out, Render, Template};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::{
    Completion, EngineHandle, Event, MAX_TOP_LOGPROBS, Request, TokenEvent, Vocabulary,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// Tokens generated when a request gives no limit, as OpenAI's legacy API has it.
const DEFAULT_MAX_TOKENS: usize = 16;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
struct CompletionRequest {
    model: String,
    prompt: Prompt,
    #[schemars(range(min = 1))]
    max_tokens: Option<usize>,
    #[serde(default)]
    stream: bool,
    #[serde(default, deserialize_with = "from_object")]
    stream_options: StreamOptions,
    #[schemars(range(max = MAX_TOP_LOGPROBS))]
    logprobs: Option<usize>,
    #[serde(default)]
    priority: i32,
    #[serde(flatten)]
    sampling: SamplingFields,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "CompletionStreamOptions")]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// One prompt or several, as text or as tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Prompt {
    Text(String),
    Texts(#[schemars(length(min = 1))] Vec<String>),
    Tokens(#[schemars(length(min = 1))] Vec<u32>),
    TokenLists(#[schemars(length(min = 1))] Vec<Vec<u32>>),
}

impl ApiRequest for CompletionRequest {
    const KNOWN: &'static [&'static str] =
        &["model", "prompt", "max_tokens", "stream", "stream_options", "logprobs", "priority"];
    const SHARED: &'static [&'static str] = SamplingFields::NAMES;
    const REFUSED: &'static [Refused] = &[
        Refused { field: "best_of", is_neutral: is_one, hint: "" },
        Refused { field: "echo", is_neutral: is_empty, hint: "" },
        Refused { field: "suffix", is_neutral: is_empty, hint: "" },
    ];
    const SHARED_REFUSED: &'static [Refused] = SamplingFields::REFUSED;
}

/// Continues prompts.
pub(crate) async fn completions(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<CompletionRequest>(body, app.limits().max_body_bytes)?;
    let ServedModel::Language(model) = app.model(&request.model).await? else {
        let needs = "a bare language model";
        return Err(ApiError::WrongModel { model: request.model, needs });
    };
    let (name, stream) = (request.model.clone(), request.stream);
    let engine = model.engine.clone();
    let mut reply = Reply::new(&app, &request, engine.clone());
    let limit = app.limits().max_prompts;
    let asked = model.clone();
    let requests = app.workers().run(move || prepare(&asked, &request, limit)).await?;
    let num_choices =
        requests.iter().map(|request| request.params.n).fold(0, usize::saturating_add);
    let mut generation = Generation::start(&app, &name, &model, requests, started).await?;
    // Now that the number is known to be one that is taken.
    reply.start(num_choices);
    if stream {
        return Ok(ignored.tell(stream::sse(generation, reply)));
    }
    while let Some(event) = generation.next().await {
        match event? {
            (idx, Event::Token(token)) => {
                reply.choices[idx].add(engine.intake().vocabulary(), &token);
            }
            (idx, Event::Finished(completion)) => reply.finish(idx, completion),
            (_, Event::Failed(reason)) => return Err(ApiError::Internal { reason }),
        }
    }
    Ok(ignored.tell(Json(reply.whole()).into_response()))
}

/// Encodes the prompts. Computes.
fn prepare(
    model: &LanguageModel,
    request: &CompletionRequest,
    limit: usize,
) -> Result<Vec<Request>, ApiError> {
    let prompts = match &request.prompt {
        Prompt::Text(text) => vec![model.codec.encode_text(text)?],
        Prompt::Tokens(tokens) => vec![tokens.clone()],
        Prompt::Texts(texts) => {
            check_count(texts.len(), limit)?;
            texts.iter().map(|text| model.codec.encode_text(text)).collect::<Result<_, _>>()?
        }
        Prompt::TokenLists(lists) => {
            check_count(lists.len(), limit)?;
            lists.clone()
        }
    };
    let constraint = request.sampling.constraint()?;
    let mut params = request.sampling.params(model.default_temperature)?;
    params.logprobs = request.logprobs;
    let asked = request.max_tokens.map(|tokens| ("max_tokens", tokens));
    let context_tokens = model.engine.intake().context_tokens();
    prompts
        .into_iter()
        .map(|prompt| {
            let mut params = params.clone();
            params.max_new_tokens =
                max_new_tokens(asked, DEFAULT_MAX_TOKENS, prompt.len(), context_tokens)?;
            // Before anything is made for each of the answers.
            params.validate()?;
            let (constraint, priority) = (constraint.clone(), request.priority);
            Ok(Request { constraint, priority, ..Request::new(prompt, params) })
        })
        .collect()
}

fn check_count(count: usize, limit: usize) -> Result<(), ApiError> {
    if count == 0 || count > limit {
        let reason = format!("{count} prompts were sent, 1 to {limit} are taken");
        return Err(ApiError::InvalidField { field: "prompt", reason });
    }
    Ok(())
}

/// One prompt's continuation in the making, with the legacy form of log-probabilities.
#[derive(Default)]
struct Choice {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<usize>,
    num_chars: usize,
    completion: Option<Completion>,
}

impl Choice {
    fn add(&mut self, vocabulary: &Vocabulary, token: &TokenEvent) {
        if let Some(logprob) = token.logprob {
            self.tokens.push(token_text(vocabulary, token.token));
            self.token_logprobs.push(finite(logprob));
            let top = token.top_logprobs.iter();
            let pair = |t: &catena_engine::TokenLogprob| {
                (token_text(vocabulary, t.token), json!(finite(t.logprob)))
            };
            self.top_logprobs.push(top.map(pair).collect());
            self.text_offset.push(self.num_chars);
        }
        self.num_chars += token.text.chars().count();
    }

    fn take_logprobs(&mut self) -> Value {
        json!({
            "tokens": std::mem::take(&mut self.tokens),
            "token_logprobs": std::mem::take(&mut self.token_logprobs),
            "top_logprobs": std::mem::take(&mut self.top_logprobs),
            "text_offset": std::mem::take(&mut self.text_offset),
        })
    }
}

/// An answer in the making.
struct Reply {
    id: String,
    created: u64,
    model: String,
    engine: EngineHandle,
    with_logprobs: bool,
    with_usage: bool,
    counts: Counts,
    choices: Vec<Choice>,
    /// The chunk of a text for each choice, where only the text changes.
    texts: Vec<Template>,
}

impl Reply {
    fn new(app: &App, request: &CompletionRequest, engine: EngineHandle) -> Self {
        Self {
            id: context::answered_as(app.answer_id("cmpl")),
            created: app.now(),
            model: request.model.clone(),
            engine,
            with_logprobs: request.logprobs.is_some(),
            with_usage: request.stream_options.include_usage,
            counts: Counts::default(),
            choices: Vec::new(),
            texts: Vec::new(),
        }
    }

    fn start(&mut self, num_choices: usize) {
        self.choices.resize_with(num_choices, Choice::default);
    }

    fn finish(&mut self, idx: usize, completion: Completion) {
        self.counts.add(&completion);
        self.choices[idx].completion = Some(completion);
    }

    fn body(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn whole(mut self) -> Value {
        let with_logprobs = self.with_logprobs;
        let choice = |(idx, choice): (usize, &mut Choice)| {
            let logprobs = if with_logprobs { choice.take_logprobs() } else { Value::Null };
            let completion = choice.completion.take();
            let reason = completion.as_ref().map(|done| finish_reason(done.finish_reason));
            let text = completion.map(|done| done.text).unwrap_or_default();
            json!({"index": idx, "text": text, "logprobs": logprobs, "finish_reason": reason})
        };
        let choices: Vec<Value> = self.choices.iter_mut().enumerate().map(choice).collect();
        let mut body = self.body(&Value::Array(choices));
        body["usage"] = self.counts.usage();
        body
    }

    fn chunk(&self, idx: usize, text: &str, logprobs: &Value, reason: Option<&str>) -> Value {
        let choice =
            json!({"index": idx, "text": text, "logprobs": logprobs, "finish_reason": reason});
        self.body(&json!([choice]))
    }
}

impl Render<Generation> for Reply {
    fn opening(&mut self, _: &Generation, _: &mut Out) {
        let said = |idx| Template::new(None, |text| self.chunk(idx, text, &Value::Null, None));
        self.texts = (0..self.choices.len()).map(said).collect();
    }

    fn item(&mut self, _: &Generation, (idx, event): (usize, Event), out: &mut Out) {
        match event {
            Event::Token(token) if !self.with_logprobs => {
                if !token.text.is_empty() {
                    out.fill(&self.texts[idx], &token.text);
                }
            }
            Event::Token(token) => {
                let choice = &mut self.choices[idx];
                choice.add(self.engine.intake().vocabulary(), &token);
                let logprobs = choice.take_logprobs();
                out.data(&self.chunk(idx, &token.text, &logprobs, None));
            }
            Event::Finished(completion) => {
                let reason = finish_reason(completion.finish_reason);
                out.data(&self.chunk(idx, &completion.tail, &Value::Null, Some(reason)));
                self.finish(idx, completion);
            }
            Event::Failed(_) => {}
        }
    }

    fn closing(&mut self, _: &Generation, out: &mut Out) {
        if self.with_usage {
            let mut chunk = self.body(&json!([]));
            chunk["usage"] = self.counts.usage();
            out.data(&chunk);
        }
        out.done();
    }

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        out.data(&error.problem().openai());
        out.done();
    }
}

/// What the document says of it.
pub(crate) fn operation() -> Operation {
    let example = json!({
        "model": "MODEL",
        "prompt": "The colours of a traffic light are",
        "max_tokens": 32,
        "stream": true,
    });
    Operation::new(Tag::OpenAi, "Continue prompts")
        .asks::<CompletionRequest>(example)
        .with_model()
        .gives("Completion", answer)
        .streams("CompletionEvent", chunk)
}

fn chunk() -> Value {
    let mut chunk = answer();
    chunk["required"] = json!(["id", "object", "created", "model", "choices"]);
    chunk["properties"]["choices"] = list(choice(nullable(words(&["stop", "length"]))));
    either([chunk, object([("error", map(anything()))])])
}

fn choice(reason: Value) -> Value {
    let logprobs = object([
        ("tokens", list(text())),
        ("token_logprobs", list(number())),
        ("top_logprobs", list(map(number()))),
        ("text_offset", list(count())),
    ]);
    object([
        ("index", count()),
        ("text", text()),
        ("logprobs", nullable(logprobs)),
        ("finish_reason", reason),
    ])
}

fn answer() -> Value {
    object([
        ("id", text()),
        ("object", word("text_completion")),
        ("created", count()),
        ("model", text()),
        ("choices", some(choice(words(&["stop", "length"])))),
        ("usage", usage_shape()),
    ])
}
