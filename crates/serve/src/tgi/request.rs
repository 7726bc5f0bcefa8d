//! The request of a generation.

use crate::body::{ApiRequest, Parsed, Refused, is_empty, read};
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::models::LanguageModel;
use crate::openapi::Fields;
use crate::sampling::{max_new_tokens, random_seed};
use catena_engine::{
    Constraint, MAX_SAMPLES, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, Request,
    SamplingParams,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Tokens generated when a request gives no limit, as the protocol has it.
const DEFAULT_MAX_NEW_TOKENS: usize = 100;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GenerateRequest {
    pub(crate) model: Option<String>,
    #[schemars(length(min = 1))]
    inputs: String,
    #[serde(default)]
    #[schemars(with = "Fields<GenerateParameters>")]
    parameters: Map<String, Value>,
    #[serde(default)]
    pub(crate) stream: bool,
}

/// How to generate.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GenerateParameters {
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0))]
    temperature: Option<f32>,
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0))]
    repetition_penalty: Option<f32>,
    #[schemars(range(min = -2.0, max = 2.0))]
    frequency_penalty: Option<f32>,
    #[schemars(range(min = 1))]
    top_k: Option<usize>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    top_p: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    typical_p: Option<f32>,
    #[serde(default)]
    do_sample: bool,
    #[schemars(range(min = 1))]
    max_new_tokens: Option<usize>,
    #[serde(default)]
    return_full_text: bool,
    #[serde(default)]
    #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_STOP_BYTES)))]
    stop: Vec<String>,
    #[schemars(range(min = 1))]
    truncate: Option<usize>,
    #[serde(default)]
    pub(crate) details: bool,
    #[serde(default)]
    pub(crate) decoder_input_details: bool,
    seed: Option<u64>,
    #[schemars(range(max = MAX_TOP_LOGPROBS))]
    pub(crate) top_n_tokens: Option<usize>,
    #[schemars(range(min = 1, max = MAX_SAMPLES))]
    pub(crate) best_of: Option<usize>,
    grammar: Option<Grammar>,
    /// The adapter that the text is continued with, by its name.
    pub(crate) adapter_id: Option<String>,
}

/// The form of the output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
enum Grammar {
    /// A schema, or its text.
    Json(Value),
    Regex(String),
    JsonSchema(NamedSchema),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NamedGrammar")]
struct NamedSchema {
    schema: Value,
}

impl ApiRequest for GenerateRequest {
    const KNOWN: &'static [&'static str] = &["model", "inputs", "parameters", "stream"];
    const REFUSED: &'static [Refused] = &[];
    const APART: &'static [&'static str] = &["parameters"];
}

impl ApiRequest for GenerateParameters {
    const KNOWN: &'static [&'static str] = &[
        "temperature",
        "repetition_penalty",
        "frequency_penalty",
        "top_k",
        "top_p",
        "typical_p",
        "do_sample",
        "max_new_tokens",
        "return_full_text",
        "stop",
        "truncate",
        "details",
        "decoder_input_details",
        "seed",
        "top_n_tokens",
        "best_of",
        "grammar",
        "adapter_id",
    ];
    const REFUSED: &'static [Refused] =
        &[Refused { field: "watermark", is_neutral: is_empty, hint: "" }];
}

/// A request read from a body.
pub(crate) struct Read {
    pub(crate) request: GenerateRequest,
    pub(crate) parameters: GenerateParameters,
    pub(crate) ignored: Ignored,
}

/// Reads a body's fields.
///
/// # Errors
/// [`ApiError::Json`], [`ApiError::Unsupported`].
pub(crate) fn read_request(fields: Map<String, Value>) -> Result<Read, ApiError> {
    let Parsed { value: mut request, mut ignored } = read::<GenerateRequest>(fields)?;
    let parameters = read::<GenerateParameters>(std::mem::take(&mut request.parameters))?;
    ignored.add("parameters", parameters.ignored);
    Ok(Read { request, parameters: parameters.value, ignored })
}

/// A request for the engine, and what its answer needs beside the output.
pub(crate) struct Prepared {
    pub(crate) request: Request,
    /// The text that the answer begins with, if it was asked for.
    pub(crate) prefix: Option<String>,
    /// The seed, if tokens are drawn.
    pub(crate) seed: Option<u64>,
}

impl Read {
    /// Encodes the prompt for `model`. Computes.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`], [`ApiError::Engine`].
    pub(crate) fn prepare(
        &self,
        model: &LanguageModel,
        with_tokens: bool,
    ) -> Result<Prepared, ApiError> {
        let (inputs, parameters) = (&self.request.inputs, &self.parameters);
        if inputs.is_empty() {
            return Err(invalid("inputs", "it is empty"));
        }
        let mut prompt = model.codec.encode_text(inputs)?;
        match parameters.truncate {
            None => {}
            Some(0) => return Err(invalid("truncate", "it must be at least 1")),
            // The client asks for the end of its prompt.
            Some(tokens) => drop(prompt.drain(..prompt.len().saturating_sub(tokens))),
        }
        let (mut params, seed) = parameters.sampling()?;
        params.max_new_tokens = max_new_tokens(
            parameters.max_new_tokens.map(|tokens| ("max_new_tokens", tokens)),
            DEFAULT_MAX_NEW_TOKENS,
            prompt.len(),
            model.engine.intake().context_tokens(),
        )?;
        // The best of several is the one that its tokens' log-probabilities make likeliest.
        let with_logprobs = with_tokens || params.n > 1;
        params.logprobs = with_logprobs.then(|| parameters.top_n_tokens.unwrap_or(0));
        let constraint = parameters.grammar.as_ref().map(Grammar::constraint).transpose()?;
        // The first token follows nothing, so it has no probability.
        let scored = parameters.decoder_input_details && prompt.len() > 1;
        let score_from = scored.then_some(1);
        let request = Request { constraint, score_from, ..Request::new(prompt, params) };
        let prefix = parameters.return_full_text.then(|| inputs.clone());
        Ok(Prepared { request, prefix, seed })
    }
}

impl GenerateParameters {
    /// The sampling parameters, and the seed if tokens are drawn. They are when any field says how.
    fn sampling(&self) -> Result<(SamplingParams, Option<u64>), ApiError> {
        let base = SamplingParams::default();
        if self.temperature.is_some_and(|temperature| temperature <= 0.0) {
            return Err(invalid(
                "temperature",
                "it must be more than 0; leave it out to be greedy",
            ));
        }
        let sampled = self.do_sample
            || self.temperature.is_some()
            || self.top_k.is_some()
            || self.top_p.is_some()
            || self.typical_p.is_some();
        if self.top_n_tokens.is_some_and(|count| count > MAX_TOP_LOGPROBS) {
            let reason = format!("at most {MAX_TOP_LOGPROBS} are shown");
            return Err(invalid("top_n_tokens", &reason));
        }
        let n = self.best_of.unwrap_or(1);
        if n > 1 && !sampled {
            return Err(invalid("best_of", "it needs a way to draw tokens, such as `do_sample`"));
        }
        if n > 1 && self.seed.is_some() {
            return Err(invalid("seed", "it cannot be given beside `best_of`"));
        }
        let seed = sampled.then(|| self.seed.unwrap_or_else(random_seed));
        let params = SamplingParams {
            temperature: if sampled { self.temperature.unwrap_or(1.0) } else { 0.0 },
            top_k: self.top_k,
            top_p: self.top_p.unwrap_or(base.top_p),
            typical_p: self.typical_p.unwrap_or(base.typical_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(base.frequency_penalty),
            seed: seed.unwrap_or(base.seed),
            n,
            stop: self.stop.clone(),
            include_stop_in_output: true,
            ..base
        };
        Ok((params, seed))
    }
}

impl Grammar {
    fn constraint(&self) -> Result<Constraint, ApiError> {
        match self {
            Self::Json(Value::String(schema)) => {
                let schema = serde_json::from_str(schema)
                    .map_err(|error| invalid("grammar", &format!("it is no JSON: {error}")))?;
                Ok(Constraint::JsonSchema(schema))
            }
            Self::Json(schema) => Ok(Constraint::JsonSchema(schema.clone())),
            Self::Regex(pattern) => Ok(Constraint::Regex(pattern.clone())),
            Self::JsonSchema(named) => Ok(Constraint::JsonSchema(named.schema.clone())),
        }
    }
}

fn invalid(field: &'static str, reason: &str) -> ApiError {
    ApiError::InvalidField { field, reason: reason.to_owned() }
}
