//! The app's files: embedded at build time, served with their types and caching headers.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::fmt::Write;

/// The page that stands in when the crate was compiled without the app.
const NOT_BUILT_PAGE: &str = include_str!("not_built.html");

/// The build names every file below this folder by its content, so its bytes never change.
const HASHED_FOLDER: &str = "assets/";

/// One file of the app.
pub(crate) struct StaticFile {
    pub(crate) bytes: Cow<'static, [u8]>,
    /// SHA-256 of `bytes`.
    pub(crate) hash: [u8; 32],
    /// Media type without parameters.
    pub(crate) media_type: String,
}

/// Where the app's files come from. Tests have their own.
pub(crate) trait StaticFiles: Send + Sync + 'static {
    /// The file at `path`, relative and without a leading slash.
    fn file(&self, path: &str) -> Option<StaticFile>;
}

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Dist;

/// The files embedded in this crate.
pub(crate) struct Embedded;

impl StaticFiles for Embedded {
    fn file(&self, path: &str) -> Option<StaticFile> {
        let file = Dist::get(path)?;
        Some(StaticFile {
            hash: file.metadata.sha256_hash(),
            media_type: file.metadata.mimetype().to_owned(),
            bytes: file.data,
        })
    }
}

/// Answers a request for `path`: the file itself, else the app's page for the app to route, else
/// the page that says how to build it. A missing file under the folder of hashed names is a 404,
/// because a page in place of a script would only hide that the app was rebuilt.
pub(crate) fn respond(files: &dyn StaticFiles, path: &str, request: &HeaderMap) -> Response {
    if let Some(file) = (!path.is_empty()).then(|| files.file(path)).flatten() {
        return with_caching(path, file, request);
    }
    if path.starts_with(HASHED_FOLDER) {
        return (StatusCode::NOT_FOUND, "not found").into_response();
    }
    match files.file("index.html") {
        Some(page) => with_caching("index.html", page, request),
        None => not_built(),
    }
}

fn with_caching(path: &str, file: StaticFile, request: &HeaderMap) -> Response {
    let etag = etag(&file.hash);
    let cache_control = if path.starts_with(HASHED_FOLDER) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let unchanged = request.get_all(header::IF_NONE_MATCH).iter().any(|sent| matches(sent, &etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.bytes))
    };
    let headers = response.headers_mut();
    if !unchanged {
        let content_type = HeaderValue::try_from(with_charset(&file.media_type))
            .expect("media types are visible ASCII");
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    headers.insert(header::ETAG, HeaderValue::try_from(etag).expect("hexadecimal is ASCII"));
    response
}

/// A strong entity tag: 128 bits of the content's hash in hexadecimal.
fn etag(hash: &[u8; 32]) -> String {
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &hash[..16] {
        write!(tag, "{byte:02x}").expect("writing to a string cannot fail");
    }
    tag.push('"');
    tag
}

/// Whether an `If-None-Match` value names `etag` or anything (RFC 9110, weak comparison).
fn matches(sent: &HeaderValue, etag: &str) -> bool {
    let Ok(sent) = sent.to_str() else { return false };
    sent.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

fn with_charset(media_type: &str) -> String {
    let is_text = media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/manifest+json");
    if is_text { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() }
}

fn not_built() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, NOT_BUILT_PAGE).into_response()
}
