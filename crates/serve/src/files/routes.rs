//! Uploading, listing, reading and deleting files.

use super::store::{FileStore, Upload, unknown};
use crate::app::App;
use crate::context;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::paging::{Page, page};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What files are uploaded for.
pub(super) const PURPOSES: [&str; 6] =
    ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];
/// Longest value of a field beside the file.
const MAX_FIELD_BYTES: usize = 4096;
/// Longest file name that is kept, in characters.
const MAX_NAME_CHARS: usize = 255;
/// Bytes of a piece on its way to the client.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait between the disk and the network.
const PIECES: usize = 4;

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
) -> Result<Json<Value>, ApiError> {
    let mut form = form.map_err(|error| ApiError::Json { reason: error.body_text() })?;
    let files = app.files()?.clone();
    let mut purpose = None;
    let mut sent: Option<(Upload, String)> = None;
    while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
        match field.name() {
            Some("purpose") => purpose = Some(text("purpose", field).await?),
            Some("file") if sent.is_none() => {
                let name =
                    field.file_name().unwrap_or("file").chars().take(MAX_NAME_CHARS).collect();
                let id = context::owned(&app.answer_id("file"));
                sent = Some((receive(&app, files.clone(), id, field).await?, name));
            }
            Some("file") => return Err(invalid("file", "one file at a time".to_owned())),
            // Such as when it expires: files stay until they are deleted.
            _ => {}
        }
    }
    let Some((upload, name)) = sent else {
        return Err(invalid("file", "the form has no such part".to_owned()));
    };
    let purpose = purpose.unwrap_or_default();
    if !PURPOSES.contains(&purpose.as_str()) {
        upload.discard();
        let known = PURPOSES.join(", ");
        return Err(invalid("purpose", format!("it is none of {known}")));
    }
    let now = app.now();
    let finish = move || files.finish(upload, &name, &purpose, now);
    app.workers().run(finish).await.map(Json)
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

async fn text(name: &'static str, mut field: Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_FIELD_BYTES {
            return Err(invalid(name, format!("it is longer than {MAX_FIELD_BYTES} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid(name, "it is not UTF-8".to_owned()))
}

/// Writes a field to disk, on a thread that may wait for it.
async fn receive(
    app: &App,
    files: Arc<FileStore>,
    id: String,
    mut field: Field<'_>,
) -> Result<Upload, ApiError> {
    let (sender, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    let write = move || {
        let mut upload = files.begin(id)?;
        while let Some(piece) = pieces.blocking_recv() {
            if let Err(error) = upload.write(&piece) {
                upload.discard();
                return Err(error);
            }
        }
        Ok(upload)
    };
    let read = async {
        while let Some(piece) = field.chunk().await.map_err(|error| unreadable(&error))? {
            if sender.send(piece).await.is_err() {
                // The writer says why it ended.
                break;
            }
        }
        drop(sender);
        Ok(())
    };
    let (written, read) = tokio::join!(app.workers().run(write), read);
    match (written, read) {
        (Ok(upload), Err(error)) => {
            upload.discard();
            Err(error)
        }
        (written, _) => written,
    }
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
    app.workers().run(move || files.delete(&id)).await?;
    Ok(Json(deleted))
}

/// `GET /v1/files/{id}/content`.
pub(crate) async fn content(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let files = seen(&app, &id)?.clone();
    let mut file = app.workers().run(move || files.open_data(&id)).await?;
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let read = file.read(&mut piece).map(|count| {
                piece.truncate(count);
                piece
            });
            let is_last = !matches!(&read, Ok(piece) if !piece.is_empty());
            if matches!(&read, Ok(piece) if piece.is_empty()) || sender.blocking_send(read).is_err()
            {
                return;
            }
            if is_last {
                return;
            }
        }
    });
    let pieces = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Body::from_stream(pieces)).into_response())
}
