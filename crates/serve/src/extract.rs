//! Parts of a request's address, refused in the protocol's own form where they cannot be read.

use crate::app::App;
use crate::error::ApiError;
use axum::extract::{self, FromRequestParts};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// What stands in the path.
pub(crate) struct Path<T>(pub(crate) T);

/// What stands in the query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let read = extract::Path::from_request_parts(parts, app).await;
        let extract::Path(value) =
            read.map_err(|error| ApiError::Address { part: "path", reason: error.body_text() })?;
        Ok(Self(value))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let read = extract::Query::from_request_parts(parts, app).await;
        let extract::Query(value) =
            read.map_err(|error| ApiError::Address { part: "query", reason: error.body_text() })?;
        Ok(Self(value))
    }
}
