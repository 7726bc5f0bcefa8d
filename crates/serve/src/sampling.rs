//! The sampling fields that chat and text completions share.

use crate::body::{Refused, is_empty, is_one, is_true};
use crate::context;
use crate::error::ApiError;
use crate::repetition::RepetitionFields;
use catena_engine::{
    Constraint, MAX_LOGIT_BIASES, MAX_SAMPLES, MAX_STOP_BYTES, MAX_STOP_STRINGS, SamplingParams,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Sampling fields of a request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct SamplingFields {
    /// 0 takes the likeliest token.
    #[schemars(range(min = 0.0, max = 10.0))]
    temperature: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    top_p: Option<f32>,
    /// As in vLLM and transformers; 0 and -1 mean all.
    #[schemars(range(min = -1))]
    top_k: Option<i64>,
    #[schemars(range(min = 0.0, max = 1.0))]
    min_p: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    typical_p: Option<f32>,
    #[schemars(range(max = 10.0), extend("exclusiveMinimum" = 0))]
    repetition_penalty: Option<f32>,
    #[schemars(range(min = -2.0, max = 2.0))]
    frequency_penalty: Option<f32>,
    #[schemars(range(min = -2.0, max = 2.0))]
    presence_penalty: Option<f32>,
    #[serde(flatten)]
    repetition: RepetitionFields,
    /// OpenAI's: token ids, as texts, with what is added to their logits.
    #[serde(default)]
    #[schemars(schema_with = "biases")]
    logit_bias: Option<BTreeMap<String, f32>>,
    seed: Option<i64>,
    /// Answers to give.
    #[schemars(range(min = 1, max = MAX_SAMPLES))]
    n: Option<usize>,
    stop: Option<OneOrMany>,
    /// vLLM's names for further ways to end.
    #[serde(default)]
    stop_token_ids: Option<Vec<u32>>,
    min_tokens: Option<usize>,
    #[serde(default)]
    include_stop_str_in_output: bool,
    #[serde(default)]
    ignore_eos: bool,
    response_format: Option<ResponseFormat>,
    structured_outputs: Option<StructuredOutputs>,
    /// vLLM's older names of the same.
    guided_json: Option<Value>,
    guided_regex: Option<String>,
    guided_choice: Option<Vec<String>>,
    /// In Lark, or in llama.cpp's GBNF, which vLLM calls EBNF.
    guided_grammar: Option<String>,
}

impl SamplingFields {
    /// The fields, for the tables of what routes know.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "repeat_last_n",
        "repeat_penalty",
        "dry_multiplier",
        "dry_base",
        "dry_allowed_length",
        "dry_penalty_last_n",
        "dry_sequence_breakers",
        "xtc_probability",
        "xtc_threshold",
        "logit_bias",
        "seed",
        "n",
        "stop",
        "stop_token_ids",
        "min_tokens",
        "include_stop_str_in_output",
        "ignore_eos",
        "response_format",
        "structured_outputs",
        "guided_json",
        "guided_regex",
        "guided_choice",
        "guided_grammar",
    ];

    /// Fields of vLLM and llama.cpp that change the answer and that we do not have, for the tables of what
    /// routes refuse.
    pub(crate) const REFUSED: &'static [Refused] = &[
        Refused { field: "bad_words", is_neutral: is_empty, hint: "; use `logit_bias`" },
        Refused { field: "allowed_token_ids", is_neutral: is_empty, hint: "; use `guided_regex`" },
        Refused { field: "prompt_logprobs", is_neutral: |value| *value == false, hint: "" },
        Refused {
            field: "truncate_prompt_tokens",
            is_neutral: |_| false,
            hint: "; a prompt is never cut: what does not fit is an error",
        },
        Refused { field: "use_beam_search", is_neutral: is_empty, hint: "" },
        Refused { field: "length_penalty", is_neutral: is_one, hint: "" },
        Refused { field: "early_stopping", is_neutral: is_empty, hint: "" },
        Refused {
            field: "skip_special_tokens",
            is_neutral: is_true,
            hint: " with the value false",
        },
        Refused {
            field: "spaces_between_special_tokens",
            is_neutral: is_true,
            hint: " with the value false",
        },
        Refused { field: "prompt_embeds", is_neutral: is_empty, hint: "" },
        Refused { field: "logits_processors", is_neutral: is_empty, hint: "; use `logit_bias`" },
        Refused { field: "return_token_ids", is_neutral: is_empty, hint: "; use `/tokenize`" },
        Refused { field: "return_tokens_as_token_ids", is_neutral: is_empty, hint: "" },
        // llama.cpp's.
        Refused { field: "grammar", is_neutral: is_empty, hint: "; use `guided_grammar`" },
        Refused { field: "json_schema", is_neutral: is_empty, hint: "; use `response_format`" },
        Refused { field: "mirostat", is_neutral: is_empty, hint: "; use `min_p` or `top_p`" },
    ];
}

/// The schema of `logit_bias`.
fn biases(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "propertyNames": {"pattern": "^[0-9]+$"},
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
        "maxProperties": MAX_LOGIT_BIASES,
    })
}

/// A string or a list of strings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(#[schemars(length(min = 1, max = MAX_STOP_BYTES))] String),
    Many(
        #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_STOP_BYTES)))]
        Vec<String>,
    ),
}

/// OpenAI's way to ask for a form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: JsonSchemaFormat },
}

/// The schema is held to as a whole, whether or not `strict` asks for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "known members that ask for nothing more")]
struct JsonSchemaFormat {
    schema: Value,
    name: Option<String>,
    strict: Option<bool>,
}

/// vLLM's way to ask for a form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StructuredOutputs {
    Json(Value),
    Regex(String),
    Choice(Vec<String>),
    /// A grammar in Lark, or in llama.cpp's GBNF, which vLLM calls EBNF.
    Grammar(String),
    /// Whether it is any JSON object.
    JsonObject(bool),
}

impl SamplingFields {
    /// The engine's parameters, with `max_new_tokens` still to be set.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`]; ranges are checked by the engine.
    pub(crate) fn params(&self, default_temperature: f32) -> Result<SamplingParams, ApiError> {
        let base = SamplingParams::default();
        let top_k = match self.top_k {
            None | Some(0 | -1) => None,
            Some(k) => Some(usize::try_from(k).map_err(|_| ApiError::InvalidField {
                field: "top_k",
                reason: format!("{k} is negative"),
            })?),
        };
        let stop = match &self.stop {
            None => Vec::new(),
            Some(OneOrMany::One(text)) => vec![text.clone()],
            Some(OneOrMany::Many(texts)) => texts.clone(),
        };
        let mut params = SamplingParams {
            temperature: self.temperature.unwrap_or(default_temperature),
            top_p: self.top_p.unwrap_or(base.top_p),
            top_k,
            min_p: self.min_p.unwrap_or(base.min_p),
            typical_p: self.typical_p.unwrap_or(base.typical_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(base.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(base.presence_penalty),
            logit_bias: self.logit_bias()?,
            seed: self.seed.map_or_else(random_seed, i64::cast_unsigned),
            n: self.n.unwrap_or(base.n),
            stop,
            stop_tokens: self.stop_token_ids.clone().unwrap_or_default(),
            min_new_tokens: self.min_tokens.unwrap_or(base.min_new_tokens),
            include_stop_in_output: self.include_stop_str_in_output,
            ignore_eos: self.ignore_eos,
            ..base
        };
        self.repetition.apply(self.repetition_penalty.is_some(), &mut params);
        Ok(params)
    }

    /// Biases by token, in order of the keys.
    fn logit_bias(&self) -> Result<Vec<(u32, f32)>, ApiError> {
        let biases = self.logit_bias.iter().flatten();
        let read = |(token, &bias): (&String, &f32)| match token.parse() {
            Ok(token) => Ok((token, bias)),
            Err(_) => Err(ApiError::InvalidField {
                field: "logit_bias",
                reason: format!("{token:?} is not a token id"),
            }),
        };
        biases.map(read).collect()
    }

    /// The form that the output must have.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if two are asked for, [`ApiError::Engine`] for a grammar that cannot be
    /// read.
    pub(crate) fn constraint(&self) -> Result<Option<Constraint>, ApiError> {
        let by_format = self.response_format.as_ref().and_then(|format| match format {
            ResponseFormat::Text => None,
            ResponseFormat::JsonObject => Some(Constraint::JsonObject),
            ResponseFormat::JsonSchema { json_schema } => {
                Some(Constraint::JsonSchema(json_schema.schema.clone()))
            }
        });
        let by_structure = match &self.structured_outputs {
            None => None,
            Some(StructuredOutputs::Json(schema)) => Some(Constraint::JsonSchema(schema.clone())),
            Some(StructuredOutputs::Regex(pattern)) => Some(Constraint::Regex(pattern.clone())),
            Some(StructuredOutputs::Choice(texts)) => Some(Constraint::Choice(texts.clone())),
            Some(StructuredOutputs::Grammar(grammar)) => Some(Constraint::of_grammar(grammar)?),
            Some(StructuredOutputs::JsonObject(wanted)) => wanted.then_some(Constraint::JsonObject),
        };
        let by_grammar = self.guided_grammar.as_deref().map(Constraint::of_grammar).transpose()?;
        let asked = [
            ("response_format", by_format),
            ("structured_outputs", by_structure),
            ("guided_json", self.guided_json.clone().map(Constraint::JsonSchema)),
            ("guided_regex", self.guided_regex.clone().map(Constraint::Regex)),
            ("guided_choice", self.guided_choice.clone().map(Constraint::Choice)),
            ("guided_grammar", by_grammar),
        ];
        let mut asked = asked.into_iter().filter_map(|(field, form)| Some((field, form?)));
        let Some((first, form)) = asked.next() else { return Ok(None) };
        match asked.next() {
            None => Ok(Some(form)),
            Some((field, _)) => {
                let reason = format!("`{first}` asks for a form already");
                Err(ApiError::InvalidField { field, reason })
            }
        }
    }
}

/// A seed for a request that gives none.
pub(crate) fn random_seed() -> u64 {
    context::note(|usage| usage.has_drawn_seed = true);
    RandomState::new().build_hasher().finish()
}

/// The output limit of a prompt of `prompt_tokens`: what was asked for, or the default where the
/// context allows it.
///
/// # Errors
/// [`ApiError::InvalidField`] if the limit asked for is 0.
pub(crate) fn max_new_tokens(
    asked: Option<(&'static str, usize)>,
    default: usize,
    prompt_tokens: usize,
    context_tokens: usize,
) -> Result<usize, ApiError> {
    match asked {
        Some((field, 0)) => {
            Err(ApiError::InvalidField { field, reason: "it must be at least 1".to_owned() })
        }
        Some((_, tokens)) => Ok(tokens),
        // At least one: the engine then says how long prompt and context are.
        None => Ok(default.min(context_tokens.saturating_sub(prompt_tokens)).max(1)),
    }
}
