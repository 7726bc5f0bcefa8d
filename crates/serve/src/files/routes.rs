//! Uploading, listing, reading and deleting files.

use super::store::{FileStore, Upload, storage, unknown};
use crate::app::App;
use crate::blocking::brief;
use crate::context;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::ignored::Ignored;
use crate::paging::{Page, page};
use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use camino::Utf8Path;
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::future::Future;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// What files are uploaded for.
pub(super) const PURPOSES: [&str; 6] =
    ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];
/// Longest value of a field beside the file.
const MAX_FIELD_BYTES: usize = 4096;
/// Longest file name that is kept, in characters.
const MAX_NAME_CHARS: usize = 255;
/// Bytes of a piece on its way to the client.
const PIECE_BYTES: usize = 64 << 10;
/// Most parts of a form.
const MAX_FIELDS: usize = 16;

/// Which files are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Filter {
    /// What the files were uploaded for.
    purpose: Option<String>,
}

/// `POST /v1/files`.
pub(crate) async fn upload(
    State(app): State<App>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, ApiError> {
    let mut form = form.map_err(|error| ApiError::Json { reason: error.body_text() })?;
    let files = app.files()?.clone();
    let patience = app.limits().body_timeout;
    let mut purpose = None;
    let mut sent: Option<(Upload, String)> = None;
    let mut ignored = Ignored::default();
    for count in 0.. {
        let Some(field) = in_time(patience, form.next_field()).await? else { break };
        if count == MAX_FIELDS {
            return Err(ApiError::BodyTooComplex { what: "parts of a form", limit: MAX_FIELDS });
        }
        match field.name() {
            Some("purpose") => purpose = Some(text("purpose", field, patience).await?),
            Some("file") if sent.is_none() => {
                let name =
                    field.file_name().unwrap_or("file").chars().take(MAX_NAME_CHARS).collect();
                let id = context::owned(&app.answer_id("file"));
                sent = Some((receive(files.clone(), id, field, patience).await?, name));
            }
            Some("file") => return Err(invalid("file", "one file at a time".to_owned())),
            // Such as when it expires: files stay until they are deleted.
            other => ignored.add_field(other.unwrap_or("(unnamed)")),
        }
    }
    let Some((upload, name)) = sent else {
        return Err(invalid("file", "the form has no such part".to_owned()));
    };
    let purpose = purpose.unwrap_or_default();
    if !PURPOSES.contains(&purpose.as_str()) {
        let known = PURPOSES.join(", ");
        return Err(invalid("purpose", format!("it is none of {known}")));
    }
    let now = app.now();
    let record = brief(move || files.finish(upload, &name, &purpose, now)).await?;
    Ok(ignored.tell(Json(record).into_response()))
}

/// What comes next of a form, if it comes within `patience`.
async fn in_time<T>(
    patience: Duration,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(patience, next).await {
        Ok(came) => came.map_err(|error| unreadable(&error)),
        Err(_) => Err(ApiError::BodyTooSlow { limit_s: patience.as_secs() }),
    }
}

fn invalid(field: &'static str, reason: String) -> ApiError {
    ApiError::InvalidField { field, reason }
}

fn unreadable(error: &MultipartError) -> ApiError {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::BodyTooLarge { limit: super::MAX_FILE_BYTES };
    }
    ApiError::Json { reason: error.body_text() }
}

async fn text(
    name: &'static str,
    mut field: Field<'_>,
    patience: Duration,
) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(patience, field.chunk()).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(invalid(name, format!("it is longer than {MAX_FIELD_BYTES} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid(name, "it is not UTF-8".to_owned()))
}

/// Writes a field to disk as it comes. No thread waits for the client.
async fn receive(
    files: Arc<FileStore>,
    id: String,
    mut field: Field<'_>,
    patience: Duration,
) -> Result<Upload, ApiError> {
    let mut upload = brief(move || files.begin(id)).await?;
    while let Some(piece) = in_time(patience, field.chunk()).await? {
        upload = brief(move || {
            upload.write(&piece)?;
            Ok(upload)
        })
        .await?;
    }
    Ok(upload)
}

/// The files, if the request may see the one called `id`.
pub(crate) fn seen<'a>(app: &'a App, id: &str) -> Result<&'a Arc<FileStore>, ApiError> {
    let files = app.files()?;
    if context::may_see(id) { Ok(files) } else { Err(unknown(id)) }
}

/// `GET /v1/files`.
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Page>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
    let mut files = app.files()?.list();
    files.retain(|file| file["id"].as_str().is_some_and(context::may_see));
    if let Some(purpose) = &filter.purpose {
        files.retain(|file| file["purpose"] == purpose.as_str());
    }
    page(files, &asked).map(Json)
}

/// `GET /v1/files/{id}`.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    seen(&app, &id)?.record(&id).map(Json)
}

/// `DELETE /v1/files/{id}`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let files = seen(&app, &id)?.clone();
    let deleted = json!({"id": id, "object": "file", "deleted": true});
    brief(move || files.delete(&id)).await?;
    Ok(Json(deleted))
}

/// `GET /v1/files/{id}/content`.
pub(crate) async fn content(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let files = seen(&app, &id)?.clone();
    let file = brief(move || files.open_data(&id)).await?;
    // Read as the client takes it: no thread waits for one that is slow.
    let pieces = stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let read = brief(move || {
            let mut piece = vec![0; PIECE_BYTES];
            let count = file.read(&mut piece);
            let count = count.map_err(|error| storage("read", Utf8Path::new("a file"), error))?;
            piece.truncate(count);
            Ok((piece, file))
        });
        match read.await {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(piece), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Body::from_stream(pieces)).into_response())
}
