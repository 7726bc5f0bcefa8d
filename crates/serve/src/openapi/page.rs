//! The document, and a page to read it and try requests.
//!
//! Both need a key like every other path: a browser asks its user for it, as the guard's answer to a
//! page without one says, and sends it with the page's own requests.

use super::shapes::{anything, map, object, text};
use super::{Operation, Tag};
use crate::error::ApiError;
use crate::extract::Path;
use crate::router;
use axum::body::Bytes;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| router::document().to_string().into());

/// What the page may load: what this server gives.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's parts.
const FILES: [(&str, &str, &str); 7] = [
    ("icon.svg", ICON, include_str!("page/icon.svg")),
    ("page.css", CSS, include_str!("page/page.css")),
    ("page.js", SCRIPT, include_str!("page/page.js")),
    ("schema.js", SCRIPT, include_str!("page/schema.js")),
    ("request.js", SCRIPT, include_str!("page/request.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
];

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// What the document says of itself.
pub(crate) fn openapi_operation() -> Operation {
    let document = || {
        let (info, paths) = (map(anything()), map(map(anything())));
        object([("openapi", text()), ("info", info), ("paths", paths), ("components", anything())])
    };
    Operation::new(Tag::Server, "Give this document").gives("Document", document)
}

/// `GET /docs`.
pub(crate) async fn docs() -> Response {
    part(HTML, include_str!("page/page.html"))
}

/// What the document says of it.
pub(crate) fn docs_operation() -> Operation {
    Operation::new(Tag::Server, "Show this document as a page").gives_text("text/html")
}

/// `GET /docs/{name}`.
pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let missing = || ApiError::NotFound { what: "file", id: name.chars().take(80).collect() };
    let (_, kind, text) = found.ok_or_else(missing)?;
    Ok(part(kind, text))
}

/// What the document says of it.
pub(crate) fn file_operation() -> Operation {
    Operation::new(Tag::Server, "Give a part of that page")
        .gives_text("text/css")
        .gives_text("text/javascript")
        .gives_text(ICON)
}

fn part(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::OK, headers, text).into_response()
}
