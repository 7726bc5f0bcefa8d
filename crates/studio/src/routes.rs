//! The studio's routes.

use crate::error::StudioError;
use crate::files::{self, Embedded, StaticFiles};
use crate::headers;
use crate::state::{StudioInfo, StudioState};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use catena_protocol::{CuratedSet, Document, RunReport, TrainingRun};
use std::future::ready;
use std::io;
use std::sync::Arc;

/// Prefixes that belong to programs: an unknown path below them is an error, not the app's page.
const API_PREFIXES: [&str; 2] = ["/api/", "/v1/"];

/// The studio's routes, to be merged with those of `catena-serve`. It brings the fallback of the
/// whole server, so the other router must have none.
pub fn router(state: StudioState) -> Router {
    router_over(state, Arc::new(Embedded))
}

/// [`router`] over given files.
pub(crate) fn router_over(state: StudioState, files: Arc<dyn StaticFiles>) -> Router {
    let page = move |request: Request| ready(app(&*files, &request));
    Router::new()
        // The API takes requests at the same address, so the fallback does not see it.
        .route("/", get(page.clone()))
        .route("/api/studio/info", get(info))
        .route("/api/studio/report", get(report))
        .route("/api/studio/runs", get(runs))
        .route("/api/studio/data", get(data))
        .route("/api/studio/documents/{id}", get(document))
        .with_state(state)
        .fallback(page)
        .layer(middleware::map_response(headers::secure))
}

async fn info(State(state): State<StudioState>) -> Response {
    fresh(Json::<&StudioInfo>(&state.info))
}

async fn report(State(state): State<StudioState>) -> Result<Response, StudioError> {
    let report = state.report.as_deref().ok_or(StudioError::NoReport)?;
    Ok(fresh(Json::<&RunReport>(report)))
}

async fn runs(State(state): State<StudioState>) -> Result<Response, StudioError> {
    let found = looked_up(move || state.runs.runs()).await;
    let runs = found.map_err(|cause| StudioError::RunsUnreadable { cause })?;
    Ok(fresh(Json::<Vec<TrainingRun>>(runs)))
}

async fn data(State(state): State<StudioState>) -> Result<Response, StudioError> {
    let found = looked_up(move || state.sets.sets()).await;
    let sets = found.map_err(|cause| StudioError::DataUnreadable { cause })?;
    Ok(fresh(Json::<Vec<CuratedSet>>(sets)))
}

async fn document(
    State(state): State<StudioState>,
    Path(id): Path<String>,
) -> Result<Response, StudioError> {
    let wanted = id.clone();
    match looked_up(move || state.documents.document(&wanted)).await {
        Ok(Some(document)) => Ok(fresh(Json::<Document>(document))),
        Ok(None) => Err(StudioError::NoDocument { id }),
        Err(cause) => Err(StudioError::DocumentUnreadable { id, cause }),
    }
}

/// What `look` finds, which may block.
async fn looked_up<T: Send + 'static>(
    look: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(look).await.map_err(io::Error::other).flatten()
}

/// A JSON answer that no cache may keep: a new run changes it under the same address.
fn fresh(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn app(files: &dyn StaticFiles, request: &Request) -> Response {
    let path = request.uri().path();
    if API_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
        return StudioError::NoRoute { path: path.to_owned() }.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StudioError::ReadOnly { path: path.to_owned() }.into_response();
    }
    files::respond(files, path.trim_start_matches('/'), request.headers())
}
