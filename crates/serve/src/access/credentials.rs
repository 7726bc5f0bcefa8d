//! The key that a request shows.

use crate::base64;
use axum::http::{HeaderMap, header};

/// The key of `Authorization: Bearer`, `x-api-key`, or the password of `Authorization: Basic`, which
/// lets a browser ask its user for it.
pub(super) fn key_text(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(rest.to_owned());
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = String::from_utf8(base64::decode(rest)?).ok()?;
            return Some(pair.split_once(':')?.1.to_owned());
        }
        return None;
    }
    Some(headers.get("x-api-key")?.to_str().ok()?.to_owned())
}
