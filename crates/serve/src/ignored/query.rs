//! Parameters of an address that nobody reads.

use super::fields::Ignored;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Answers, and names the parameters of the query that are not `known`, as `?beta`.
pub(crate) async fn tell_query(known: Arc<[String]>, request: Request, next: Next) -> Response {
    let ignored = unread(request.uri().query().unwrap_or_default(), &known);
    let response = next.run(request).await;
    if response.status().is_success() { ignored.tell(response) } else { response }
}

/// Names that are not told as they are written, with `%`, are told that way.
pub(super) fn unread(query: &str, known: &[String]) -> Ignored {
    let mut ignored = Ignored::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        if ignored.is_full() {
            break;
        }
        if !known.iter().any(|known| known == name) {
            ignored.add_field(&format!("?{name}"));
        }
    }
    ignored
}
