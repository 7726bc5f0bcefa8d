//! The lines of a batch as requests of the key that made it.

use super::input::Line;
use crate::access::Outcome;
use crate::app::App;
use crate::context::{self, RequestContext};
use crate::error::ApiError;
use crate::keys::Key;
use crate::limits::Permit;
use crate::router::{IN_BATCH, routes};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tower::ServiceExt;

/// Urgency of the requests: after those of all who wait for an answer.
const PRIORITY: i64 = 1000;
/// How long a line waits when the engine has no place for it, or its key has used up a limit and does
/// not say for how long.
const RETRY: Duration = Duration::from_millis(500);
/// Longest wait until it is tried again: limits may be raised meanwhile.
const MAX_RETRY: Duration = Duration::from_secs(2);
/// Largest answer kept.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Asks for the lines of one batch.
pub(super) struct Asker {
    app: App,
    router: Router,
    batch: String,
    endpoint: String,
    /// What logs and metrics call the route.
    route: String,
}

impl Asker {
    pub(super) fn new(app: &App, batch: &str, endpoint: &str) -> Self {
        Self {
            app: app.clone(),
            router: routes(app.clone()),
            batch: batch.to_owned(),
            endpoint: endpoint.to_owned(),
            route: format!("{endpoint}{IN_BATCH}"),
        }
    }

    /// The answer to one line and whether it is a good one; nothing if the server ends. It waits where
    /// a limit of the batch's key, or the engine, lets it not begin.
    pub(super) async fn answer(&self, line: Line) -> Option<(bool, Value)> {
        let mut body = line.body;
        if self.endpoint != "/v1/embeddings" {
            body.entry("priority").or_insert(json!(PRIORITY));
        }
        let body = Value::Object(body).to_string();
        let id = self.app.answer_id("batch_req").replace('-', "_");
        loop {
            let response = self.ask(&id, &body).await;
            let code = response.status();
            if self.app.is_draining() && !code.is_success() {
                return None;
            }
            if code == StatusCode::TOO_MANY_REQUESTS || code == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(wait(response.headers())).await;
                continue;
            }
            let bytes = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.unwrap_or_default();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let answer = json!({
                "id": id,
                "custom_id": line.custom_id,
                "response": {"status_code": code.as_u16(), "request_id": id, "body": body},
                "error": null,
            });
            return Some((code.is_success(), answer));
        }
    }

    /// One try, within the limits of the key and on its account.
    async fn ask(&self, id: &str, body: &str) -> Response {
        let (begin, started) = (SystemTime::now(), Instant::now());
        let (key, permit) = match self.enter() {
            Ok(entered) => entered,
            Err(error) => return error.into_response(),
        };
        let context = Arc::new(RequestContext::new(id.to_owned(), key));
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .expect("a request of known parts");
        let work = self.router.clone().oneshot(request);
        let Ok(response) = context::scope(context.clone(), work).await;
        drop(permit);
        let is_tried_again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE]
            .contains(&response.status());
        if !is_tried_again {
            self.app.tell(&Outcome {
                usage: context.usage(),
                context,
                method: Method::POST,
                route: self.route.clone(),
                status: Some(response.status()),
                is_whole: true,
                begin,
                took: started.elapsed(),
                started,
                trace_parent: None,
                authority: String::new(),
                peer: None,
            });
        }
        response
    }

    /// The key that made the batch, and a place within its limits. It is looked up each time: it may
    /// have been revoked, or been given other limits.
    fn enter(&self) -> Result<(Option<Arc<Key>>, Option<Permit>), ApiError> {
        let settings = self.app.settings();
        let ring = settings.access.keys.as_deref();
        let Some(key) = context::owner_key(ring, &self.batch, self.app.now())? else {
            return Ok((None, None));
        };
        let permit = key.limiter.begin(Instant::now()).map_err(ApiError::RateLimited)?;
        Ok((Some(key), Some(permit)))
    }
}

/// How long a refusal says that it is worth to wait, within bounds.
fn wait(headers: &HeaderMap) -> Duration {
    let seconds =
        headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(RETRY, Duration::from_secs).clamp(RETRY, MAX_RETRY)
}
