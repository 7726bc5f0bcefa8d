//! `POST /v2/rerank`.

use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::scores::{Ranked, Ranker, rank};
use crate::texts::check_texts;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// What an answer says whose scores are not those of a cross-encoder.
const BY_COSINE: &str =
    "the model is an embedding model: relevance_score is the cosine of its vectors";

/// Tokens of a document that the protocol reads by default.
const DEFAULT_TOKENS: f64 = 4096.0;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CohereRerankRequest")]
pub(super) struct RerankRequest {
    model: String,
    query: String,
    #[schemars(length(min = 1))]
    documents: Vec<Document>,
    top_n: Option<usize>,
    #[serde(default)]
    return_documents: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "CohereDocument")]
enum Document {
    Text(#[schemars(length(min = 1))] String),
    Object {
        #[schemars(length(min = 1))]
        text: String,
    },
}

impl ApiRequest for RerankRequest {
    const KNOWN: &'static [&'static str] =
        &["model", "query", "documents", "top_n", "return_documents"];
    const REFUSED: &'static [Refused] = &[
        Refused { field: "rank_fields", is_neutral: is_empty, hint: "; send texts" },
        Refused { field: "relevant_spans", is_neutral: is_empty, hint: "" },
        Refused {
            field: "max_tokens_per_doc",
            is_neutral: |value| value.as_f64().is_some_and(|tokens| tokens >= DEFAULT_TOKENS),
            hint: "; send shorter documents, or leave it out to have them cut where the model ends",
        },
    ];
}

/// Orders documents by how well they answer a query: by a cross-encoder, or by the cosine of an
/// embedding model's vectors, which the answer's `meta` then says.
///
/// Documents lose what is longer than the model reads, as the protocol has it.
pub(crate) async fn rerank(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<RerankRequest>(body, app.limits().max_body_bytes)?;
    let text = |document| match document {
        Document::Text(text) | Document::Object { text } => text,
    };
    let texts: Vec<String> = request.documents.into_iter().map(text).collect();
    check_texts("documents", &texts, app.limits().max_inputs)?;
    let needs = "a cross-encoder or an embedding model";
    let (name, ranker) = app.model_for(Some(&request.model), needs, ranker).await?;
    let mut meta = json!({"api_version": {"version": "2"}, "billed_units": {"search_units": 1}});
    if matches!(ranker, Ranker::Embedder(_)) {
        meta["warnings"] = json!([BY_COSINE]);
    }
    let documents = request.return_documents.then(|| texts.clone());
    let model = (name.as_str(), ranker);
    let ranked = rank(&app, model, (request.query, texts), (true, false), started).await?;
    let result = |Ranked { index, score }: &Ranked| {
        let mut result = json!({"index": index, "relevance_score": score});
        if let Some(documents) = &documents {
            result["document"] = json!({"text": documents[*index]});
        }
        result
    };
    let top_n = request.top_n.unwrap_or(usize::MAX);
    let results: Vec<Value> = ranked.iter().take(top_n).map(result).collect();
    let body = json!({"id": app.answer_id("rerank"), "results": results, "meta": meta});
    Ok(ignored.tell(Json(body).into_response()))
}

fn ranker(model: &ServedModel) -> Option<Ranker> {
    let cross_encoder = model.cross_encoder().map(Ranker::CrossEncoder);
    cross_encoder.or_else(|| model.embedder().map(Ranker::Embedder))
}
