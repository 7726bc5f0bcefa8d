//! `POST /tokenize`.

use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::error::ApiError;
use crate::logprobs::token_text;
use crate::models::{LanguageModel, ServedModel};
use crate::texts::Texts;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::TextToken;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client sends: a text, as text-generation-inference takes it, or several.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct TokenizeRequest {
    model: Option<String>,
    inputs: Texts,
    #[serde(default = "with_frame")]
    add_special_tokens: bool,
}

fn with_frame() -> bool {
    true
}

impl ApiRequest for TokenizeRequest {
    const KNOWN: &'static [&'static str] = &["model", "inputs", "add_special_tokens"];
    const REFUSED: &'static [Refused] = &[];
}

/// The tokens of texts as the language model reads them: a list for one text, a list of lists for
/// several.
pub(crate) async fn tokenize(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<TokenizeRequest>(body, app.limits().max_body_bytes)?;
    let needs = "a bare language model";
    let (_, model) = app.model_for(request.model.as_deref(), needs, ServedModel::language).await?;
    let is_list = request.inputs.is_list();
    let texts = request.inputs.read("inputs", app.limits().max_inputs)?;
    let framed = request.add_special_tokens;
    let compute =
        move || texts.iter().map(|text| tokens(&model, text, framed)).collect::<Result<_, _>>();
    let mut lists: Vec<Value> = app.workers().run(compute).await?;
    let body = if is_list { Value::Array(lists) } else { lists.remove(0) };
    Ok(ignored.tell(Json(body).into_response()))
}

/// Computes.
fn tokens(model: &LanguageModel, text: &str, framed: bool) -> Result<Value, ApiError> {
    let tokens = model.codec.tokenize(text)?;
    let vocabulary = model.engine.intake().vocabulary();
    // Places are counted in characters; the texts of tokens come in order.
    let (mut bytes, mut chars) = (0, 0);
    let mut at = |byte: usize| {
        if byte < bytes {
            (bytes, chars) = (0, 0);
        }
        chars += text[bytes..byte].chars().count();
        bytes = byte;
        chars
    };
    let mut entry = |TextToken { token, span }: &TextToken| {
        let (start, stop) = match span {
            Some(span) => (Some(at(span.start)), Some(at(span.end))),
            None => (None, None),
        };
        json!({
            "id": token,
            "text": token_text(vocabulary, *token),
            "special": vocabulary.is_special(*token),
            "start": start,
            "stop": stop,
        })
    };
    let wanted = tokens.iter().filter(|token| framed || token.span.is_some());
    Ok(wanted.map(&mut entry).collect())
}
