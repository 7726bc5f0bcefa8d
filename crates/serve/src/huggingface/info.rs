//! `GET /info`.

use crate::app::App;
use crate::error::ApiError;
use crate::models::ServedModel;
use axum::Json;
use axum::extract::State;
use catena_engine::{MAX_SAMPLES, MAX_STOP_STRINGS};
use serde_json::{Value, json};

/// What is served, for clients of both servers: `model_id` and the token limits are those of the
/// first language model, `model_type` and `max_input_length` those of the first encoder. Without a
/// language model, `model_id` is the encoder's.
///
/// # Errors
/// [`ApiError::NoModel`] if there is neither, [`ApiError::Draining`].
pub(crate) async fn info(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let limits = app.limits();
    let mut body = json!({
        "model_sha": null,
        "max_best_of": MAX_SAMPLES,
        "max_stop_sequences": MAX_STOP_STRINGS,
        "max_client_batch_size": limits.max_inputs,
        "validation_workers": limits.workers,
        "tokenization_workers": limits.workers,
        "auto_truncate": false,
        "router": "catena",
        "version": env!("CARGO_PKG_VERSION"),
        "sha": null,
        "docker_label": null,
    });
    let encoder = app.model_for(None, "an encoder", encoder).await;
    if let Ok((name, (model_type, max_tokens))) = &encoder {
        body["model_id"] = json!(name);
        body["model_type"] = model_type.clone();
        body["max_input_length"] = json!(max_tokens);
    }
    match app.model_for(None, "a language model or an encoder", ServedModel::language).await {
        Ok((name, model)) => {
            let context_tokens = model.engine.intake().context_tokens();
            body["model_id"] = json!(name);
            body["model_pipeline_tag"] = json!("text-generation");
            body["max_input_tokens"] = json!(context_tokens.saturating_sub(1));
            body["max_total_tokens"] = json!(context_tokens);
            body["max_concurrent_requests"] = json!(model.engine.max_in_flight());
        }
        Err(error) => drop(encoder.map_err(|_| error)?),
    }
    Ok(Json(body))
}

/// An encoder's kind as text-embeddings-inference tells it, and the tokens it reads.
fn encoder(model: &ServedModel) -> Option<(Value, usize)> {
    match model {
        ServedModel::Language(_) | ServedModel::Assistant(_) => None,
        ServedModel::Embedder(embedder) => Some((json!({"embedding": {}}), embedder.max_tokens())),
        ServedModel::Classifier(classifier) => {
            let labels = classifier.labels();
            let kind = if labels.len() == 1 { "reranker" } else { "classifier" };
            let number = |(idx, label): (usize, &String)| (idx.to_string(), json!(label));
            let id2label: Value = labels.iter().enumerate().map(number).collect();
            let label = |(idx, label): (usize, &String)| (label.clone(), json!(idx));
            let label2id: Value = labels.iter().enumerate().map(label).collect();
            let labels = json!({"id2label": id2label, "label2id": label2id});
            Some((json!({ kind: labels }), classifier.max_tokens()))
        }
    }
}
