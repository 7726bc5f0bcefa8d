//! How to generate, and the form of the answer.

use crate::body::{ApiRequest, Parsed, Refused, is_empty, read};
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::sampling::random_seed;
use crate::thinking::{EFFORTS, Thinking};
use catena_engine::{
    Constraint, MAX_STOP_BYTES, MAX_STOP_STRINGS, MAX_TOP_LOGPROBS, SamplingParams,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The object `options`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaOptions")]
pub(super) struct Options {
    seed: Option<i64>,
    num_predict: Option<i64>,
    top_k: Option<usize>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    top_p: Option<f32>,
    #[schemars(range(min = 0.0, max = 1.0))]
    min_p: Option<f32>,
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0))]
    typical_p: Option<f32>,
    repeat_last_n: Option<i64>,
    #[schemars(range(min = 0.0, max = 10.0))]
    temperature: Option<f32>,
    repeat_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    #[serde(default)]
    #[schemars(length(max = MAX_STOP_STRINGS), inner(length(min = 1, max = MAX_STOP_BYTES)))]
    stop: Vec<String>,
}

impl ApiRequest for Options {
    const KNOWN: &'static [&'static str] = &[
        "seed",
        "num_predict",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "repeat_last_n",
        "temperature",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
        "stop",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "mirostat", is_neutral: is_empty, hint: "; use `min_p` or `top_p`" },
        Refused {
            field: "tfs_z",
            is_neutral: |value| value.as_f64() == Some(1.0),
            hint: "; use `typical_p`",
        },
    ];
}

/// How long an answer may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// As the model's configuration says.
    Default,
    /// At most so many tokens.
    Tokens(usize),
    /// As long as the context allows.
    Context,
}

impl Options {
    /// Reads `options`; names in `ignored` what has no effect.
    ///
    /// # Errors
    /// [`ApiError::Json`], [`ApiError::Unsupported`].
    pub(super) fn read(
        fields: Map<String, Value>,
        ignored: &mut Ignored,
    ) -> Result<Self, ApiError> {
        let Parsed { value, ignored: others } = read::<Self>(fields)?;
        ignored.add("options", others);
        Ok(value)
    }

    /// The sampling parameters; `default_temperature` is the model's.
    pub(super) fn params(&self, default_temperature: f32) -> SamplingParams {
        let base = SamplingParams::default();
        // 0 looks at no token at all, a negative number at all of them.
        let is_penalized = self.repeat_last_n != Some(0);
        let penalty =
            |value: Option<f32>, none: f32| value.filter(|_| is_penalized).unwrap_or(none);
        SamplingParams {
            temperature: self.temperature.unwrap_or(default_temperature),
            top_k: self.top_k.filter(|&k| k > 0),
            top_p: self.top_p.unwrap_or(base.top_p),
            min_p: self.min_p.unwrap_or(base.min_p),
            typical_p: self.typical_p.unwrap_or(base.typical_p),
            repetition_penalty: penalty(self.repeat_penalty, base.repetition_penalty),
            presence_penalty: penalty(self.presence_penalty, base.presence_penalty),
            frequency_penalty: penalty(self.frequency_penalty, base.frequency_penalty),
            penalty_last_n: self
                .repeat_last_n
                .and_then(|count| usize::try_from(count).ok())
                .filter(|&count| count > 0),
            seed: self.seed.map_or_else(random_seed, i64::cast_unsigned),
            stop: self.stop.clone(),
            ..base
        }
    }

    /// How long the answer may become.
    pub(super) fn length(&self) -> Length {
        match self.num_predict {
            None => Length::Default,
            Some(count) => usize::try_from(count).map_or(Length::Context, Length::Tokens),
        }
    }
}

/// Whether the model thinks before it answers, or how much: `low`, `medium` or `high`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "OllamaThink")]
pub(super) enum Think {
    Switch(bool),
    Effort(#[schemars(extend("enum" = EFFORTS))] String),
}

impl Think {
    /// What it wishes.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`] if the word is not known.
    pub(super) fn read(self) -> Result<Thinking, ApiError> {
        match self {
            Self::Switch(is_on) => Ok(Thinking::switched("think", is_on)),
            Self::Effort(word) => Thinking::effort("think", &word),
        }
    }
}

/// The schema of `format`.
pub(super) fn form_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"enum": ["", "json", null]}, {"type": "object"}]})
}

/// What `format` asks for: nothing, `json`, or a schema.
///
/// # Errors
/// [`ApiError::InvalidField`].
pub(super) fn form(format: Option<Value>) -> Result<Option<Constraint>, ApiError> {
    match format {
        None => Ok(None),
        Some(Value::String(name)) if name.is_empty() => Ok(None),
        Some(Value::String(name)) if name == "json" => Ok(Some(Constraint::JsonObject)),
        Some(schema @ Value::Object(_)) => Ok(Some(Constraint::JsonSchema(schema))),
        Some(_) => Err(ApiError::InvalidField {
            field: "format",
            reason: "it is neither `json` nor a JSON schema".to_owned(),
        }),
    }
}

/// Alternatives to report beside each token.
///
/// # Errors
/// [`ApiError::InvalidField`] if there are too many, also where none are wanted.
pub(super) fn logprobs(wanted: bool, top: Option<usize>) -> Result<Option<usize>, ApiError> {
    let top = top.unwrap_or(0);
    if top > MAX_TOP_LOGPROBS {
        let reason = format!("it is {top}, at most {MAX_TOP_LOGPROBS} are shown");
        return Err(ApiError::InvalidField { field: "top_logprobs", reason });
    }
    Ok(wanted.then_some(top))
}
