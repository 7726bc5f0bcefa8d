//! `POST /v2/embed`.

use super::quantize::{binary, int8, ubinary, uint8};
use crate::app::App;
use crate::base64;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::texts::check_texts;
use crate::vectors::{self, EmbedOptions};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// What a client sends. `input_type` is taken as it is: our models read questions and documents alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CohereEmbedRequest")]
pub(super) struct EmbedRequest {
    model: String,
    input_type: InputType,
    #[schemars(length(min = 1), inner(length(min = 1)))]
    texts: Option<Vec<String>>,
    #[schemars(length(min = 1))]
    inputs: Option<Vec<Input>>,
    #[serde(default)]
    embedding_types: Vec<EmbeddingType>,
    #[serde(default)]
    truncate: Truncate,
    #[schemars(range(min = 1))]
    output_dimension: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CohereInputType")]
enum InputType {
    SearchDocument,
    SearchQuery,
    Classification,
    Clustering,
    /// Refused, with words of its own.
    #[schemars(skip)]
    Image,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CohereInput")]
struct Input {
    content: Vec<Part>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "CohereInputPart")]
enum Part {
    Text { text: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "CohereEmbeddingType")]
enum EmbeddingType {
    Float,
    Int8,
    Uint8,
    Binary,
    Ubinary,
    Base64,
}

/// What is done with long texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "CohereTruncate")]
enum Truncate {
    /// They are refused.
    None,
    /// Refused, with words of its own.
    #[schemars(skip)]
    Start,
    /// They lose their end.
    #[default]
    End,
}

impl ApiRequest for EmbedRequest {
    const KNOWN: &'static [&'static str] = &[
        "model",
        "input_type",
        "texts",
        "inputs",
        "embedding_types",
        "truncate",
        "output_dimension",
    ];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "images", is_neutral: is_empty, hint: "" },
        Refused {
            field: "max_tokens",
            is_neutral: |_| false,
            hint: "; send shorter texts, or leave it out to have them cut where the model ends",
        },
    ];
}

/// Turns texts into vectors. Texts that are too long are cut, as the protocol has it, unless
/// `truncate` is `NONE`; the answer's header says how many were.
pub(crate) async fn embed(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbedRequest>(body, app.limits().max_body_bytes)?;
    if matches!(request.input_type, InputType::Image) {
        return Err(ApiError::Unsupported { field: "input_type", hint: " with the value `image`" });
    }
    if request.truncate == Truncate::Start {
        let hint = " with the value `START`; texts are cut at their end";
        return Err(ApiError::Unsupported { field: "truncate", hint });
    }
    let needs = "an embedding model";
    let (name, embedder) =
        app.model_for(Some(&request.model), needs, ServedModel::embedder).await?;
    let texts = texts(request.texts, request.inputs)?;
    check_texts("texts", &texts, app.limits().max_inputs)?;
    let options = EmbedOptions {
        truncate: request.truncate == Truncate::End,
        dimensions: request.output_dimension,
        ..EmbedOptions::default()
    };
    let model = (name.as_str(), embedder.clone());
    let vectors = vectors::embed(&app, model, texts.clone(), options, started).await?;
    let mut types = request.embedding_types;
    if types.is_empty() {
        types.push(EmbeddingType::Float);
    }
    let embeddings: Map<String, Value> =
        types.into_iter().map(|kind| kind.entry(&vectors.rows)).collect();
    let body = json!({
        "id": app.answer_id("embed"),
        "embeddings": embeddings,
        "texts": texts,
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": vectors.tokens},
        },
        "response_type": "embeddings_by_type",
    });
    Ok(ignored.tell(vectors.tell(Json(body).into_response())))
}

/// The texts of either field.
fn texts(texts: Option<Vec<String>>, inputs: Option<Vec<Input>>) -> Result<Vec<String>, ApiError> {
    let invalid =
        |reason: &str| ApiError::InvalidField { field: "texts", reason: reason.to_owned() };
    let whole = |input: Input| input.content.into_iter().map(|Part::Text { text }| text).collect();
    match (texts, inputs) {
        (Some(texts), None) => Ok(texts),
        (None, Some(inputs)) => Ok(inputs.into_iter().map(whole).collect()),
        (Some(_), Some(_)) => Err(invalid("`inputs` are there too")),
        (None, None) => Err(invalid("neither these nor `inputs` are there")),
    }
}

impl EmbeddingType {
    /// Its name and the vectors in it.
    fn entry(self, vectors: &[Vec<f32>]) -> (String, Value) {
        let (name, vectors) = match self {
            Self::Float => ("float", json!(vectors)),
            Self::Int8 => ("int8", vectors.iter().map(|v| json!(int8(v))).collect()),
            Self::Uint8 => ("uint8", vectors.iter().map(|v| json!(uint8(v))).collect()),
            Self::Binary => ("binary", vectors.iter().map(|v| json!(binary(v))).collect()),
            Self::Ubinary => ("ubinary", vectors.iter().map(|v| json!(ubinary(v))).collect()),
            Self::Base64 => {
                ("base64", vectors.iter().map(|v| json!(base64::encode_f32(v))).collect())
            }
        };
        (name.to_owned(), vectors)
    }
}
