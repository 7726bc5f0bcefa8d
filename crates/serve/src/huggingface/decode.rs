//! `POST /decode`.

use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::error::ApiError;
use crate::models::ServedModel;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::{EngineError, Vocabulary};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DecodeRequest {
    model: Option<String>,
    ids: Ids,
    #[serde(default = "skip")]
    skip_special_tokens: bool,
}

fn skip() -> bool {
    true
}

/// Tokens of one text or of several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Ids {
    One(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

impl ApiRequest for DecodeRequest {
    const KNOWN: &'static [&'static str] = &["model", "ids", "skip_special_tokens"];
    const REFUSED: &'static [Refused] = &[];
}

/// The texts of tokens of the model whose tokens `/tokenize` gives: always a list.
pub(crate) async fn decode(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<DecodeRequest>(body, app.limits().max_body_bytes)?;
    let needs = "a bare language model";
    let (_, model) = app.model_for(request.model.as_deref(), needs, ServedModel::language).await?;
    let engine = model.engine.clone();
    let lists = match request.ids {
        Ids::One(ids) => vec![ids],
        Ids::Many(lists) => lists,
    };
    let limit = app.limits().max_inputs;
    if lists.len() > limit {
        let reason = format!("{} texts were sent, at most {limit} are taken", lists.len());
        return Err(ApiError::InvalidField { field: "ids", reason });
    }
    let skip = request.skip_special_tokens;
    let decode = move || {
        let vocabulary = engine.intake().vocabulary();
        lists.iter().map(|ids| text(vocabulary, ids, skip)).collect::<Result<Vec<_>, _>>()
    };
    let texts = app.workers().run(decode).await?;
    Ok(ignored.tell(Json(texts).into_response()))
}

/// The text of `ids`; bytes that are no text become replacement characters.
fn text(vocabulary: &Vocabulary, ids: &[u32], skip_special: bool) -> Result<String, ApiError> {
    let vocab_size = vocabulary.len();
    let mut bytes = Vec::new();
    for (position, &token) in ids.iter().enumerate() {
        if token as usize >= vocab_size {
            return Err(EngineError::TokenOutOfRange { token, position, vocab_size }.into());
        }
        bytes.extend_from_slice(if skip_special {
            vocabulary.text_bytes(token)
        } else {
            vocabulary.token_bytes(token)
        });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
