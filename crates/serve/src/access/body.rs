//! Bodies, read whole and looked over before a handler sees them.

use crate::app::ServeLimits;
use crate::error::ApiError;
use crate::limits::{MAX_DEPTH, MAX_ITEMS, TooComplex, read_shape};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use std::time::Duration;

/// Bodies' worth of bytes that are read and thrown away, for the answer to be seen.
const DISCARDED: usize = 8;
/// Time spent on it.
const DISCARD_TIME: Duration = Duration::from_secs(2);

/// The request with its body read, and the model its JSON names. Forms with files pass unread: their
/// handlers read them piece by piece.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::BodyTooComplex`], [`ApiError::BodyTooSlow`].
pub(super) async fn read(
    request: Request,
    limits: &ServeLimits,
) -> Result<(Request, Option<String>), ApiError> {
    let has_none = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if has_none || is_form(request.headers()) {
        return Ok((request, None));
    }
    let limit = limits.max_body_bytes;
    let announced = announced(request.headers()).unwrap_or(0);
    // What is hopeless need not be sent.
    if announced > (limit * DISCARDED) as u64 {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let (head, mut body) = request.into_parts();
    let whole = tokio::time::timeout(limits.body_timeout, collect(&mut body, limit));
    let bytes = match whole.await {
        Ok(Ok(Some(bytes))) => bytes,
        Ok(Ok(None)) => {
            let rest = collect_nothing(&mut body, limit * DISCARDED);
            let _ = tokio::time::timeout(DISCARD_TIME, rest).await;
            return Err(ApiError::BodyTooLarge { limit });
        }
        Ok(Err(error)) => return Err(ApiError::Json { reason: error.to_string() }),
        Err(_) => return Err(ApiError::BodyTooSlow { limit_s: limits.body_timeout.as_secs() }),
    };
    let shape = read_shape(&bytes).map_err(|found| match found {
        TooComplex::Depth => ApiError::BodyTooComplex { what: "levels", limit: MAX_DEPTH },
        TooComplex::Items => {
            ApiError::BodyTooComplex { what: "values in one list", limit: MAX_ITEMS as usize }
        }
    })?;
    let model = shape.model.and_then(|range| serde_json::from_slice(&bytes[range]).ok());
    Ok((Request::from_parts(head, Body::from(bytes)), model))
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/"))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body; nothing if it is longer than `limit`.
async fn collect(body: &mut Body, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes))
}

/// Reads on for a while: a client that is still sending when its connection is closed never sees
/// the answer.
async fn collect_nothing(body: &mut Body, mut most: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(left) = most.checked_sub(bytes) else { return };
        most = left;
    }
}
