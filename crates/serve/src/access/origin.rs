//! From which pages and under which names a server may be asked.
//!
//! A browser lets any page send requests to any host. A page of another origin is refused unless it
//! is allowed, and so is a foreign name that was made to resolve to this machine.

use super::Access;
use crate::error::ApiError;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Headers of answers that a page may read.
const EXPOSED: &str = "x-request-id, request-id, x-catena-ignored-fields, \
     x-catena-truncated-inputs, retry-after, \
     x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, \
     x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, \
     anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, \
     anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, \
     anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset";
/// Seconds for which a browser may remember what is allowed.
const MAX_AGE: &str = "600";

/// The origin of an allowed page of another host.
pub(super) struct Cors(Option<HeaderValue>);

impl Cors {
    /// Checks name and origin of a request.
    ///
    /// # Errors
    /// [`ApiError::ForeignHost`], [`ApiError::ForeignOrigin`].
    pub(super) fn check(access: &Access, request: &Request) -> Result<Self, ApiError> {
        let headers = request.headers();
        let authority = authority(request);
        let known = |host: &String| host.eq_ignore_ascii_case(without_port(authority));
        if !access.hosts.is_empty() && !access.hosts.iter().any(known) {
            return Err(ApiError::ForeignHost { host: shown(authority) });
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(Self(None)) };
        let text = origin.to_str().unwrap_or("?");
        let own = text.split_once("://").is_some_and(|(_, host)| host == authority);
        if own {
            return Ok(Self(None));
        }
        if access.origins.iter().any(|allowed| allowed == "*" || allowed == text) {
            return Ok(Self(Some(origin.clone())));
        }
        Err(ApiError::ForeignOrigin { origin: shown(text) })
    }

    /// The answer to a browser that asks what is allowed.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let asks = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        if *request.method() != Method::OPTIONS || self.0.is_none() || asks.is_none() {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let set = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST, DELETE");
        set.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        set.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            set.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        Some(response)
    }

    /// Lets the page read the answer.
    pub(super) fn allow(self, headers: &mut HeaderMap) {
        let Some(origin) = self.0 else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(header::VARY, HeaderValue::from_name(HeaderName::from_static("origin")));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// Host and port that the client means.
pub(super) fn authority(request: &Request) -> &str {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| request.uri().authority().map(Authority::as_str)).unwrap_or("")
}

/// The name of `host:port`; an IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    host_and_port(authority).0
}

/// The parts of `host:port`; an IPv6 address keeps its brackets.
pub(crate) fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// The beginning of a foreign text.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_taken_off() {
        let cases = [("localhost:80", "localhost"), ("localhost", "localhost"), ("", "")];
        for (authority, host) in cases {
            assert_eq!(without_port(authority), host);
        }
        assert_eq!(without_port("[::1]:8017"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
