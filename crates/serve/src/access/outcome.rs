//! What became of a request, told once when its answer has ended.

use crate::app::App;
use crate::context::{RequestContext, RequestUsage};
use crate::limits::Permit;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

/// Stands for the route of what has none.
pub(super) const NO_ROUTE: &str = "(unknown)";
/// The type of error of requests whose client did not wait for all of the answer.
const LEFT: &str = "client_gone";

/// The address that a request comes from: the client's, or that of a proxy before the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) context: Arc<RequestContext>,
    pub(crate) usage: RequestUsage,
    pub(crate) method: Method,
    /// The route as it is written in the router; [`NO_ROUTE`] if there is none.
    pub(crate) route: String,
    /// The answer's status; `None` if the client went away before it had one.
    pub(crate) status: Option<StatusCode>,
    /// Whether the client got all of the answer.
    pub(crate) is_whole: bool,
    pub(crate) begin: SystemTime,
    pub(crate) took: Duration,
    /// When the request came, on the same clock as the first token.
    pub(crate) started: Instant,
    /// The client's `traceparent`.
    pub(crate) trace_parent: Option<String>,
    /// The host and port that the client asked.
    pub(crate) authority: String,
    /// Where it came from; nowhere for what runs in the background.
    pub(crate) peer: Option<Peer>,
}

impl Outcome {
    /// Its method: clients may invent others, and a label of metrics lives for ever.
    pub(crate) fn known_method(&self) -> Option<&str> {
        let known =
            [Method::GET, Method::POST, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PUT];
        known.contains(&self.method).then(|| self.method.as_str())
    }

    /// The route, if there is one.
    pub(crate) fn known_route(&self) -> Option<&str> {
        (self.route != NO_ROUTE).then_some(self.route.as_str())
    }

    /// What OpenTelemetry calls the error's type: our code of the error that answers the request or ends its
    /// stream, or the status; none if the client got what it asked for.
    pub(crate) fn error_type(&self) -> Option<&str> {
        let Some(status) = &self.status else { return Some(LEFT) };
        let failed = status.is_client_error() || status.is_server_error();
        let by_status = failed.then(|| status.as_str());
        self.usage.error.or(by_status).or((!self.is_whole).then_some(LEFT))
    }
}

/// Tells the outcome when it is dropped: by then the handler, or the answer's body, has ended.
pub(super) struct Pending {
    pub(super) app: App,
    pub(super) context: Arc<RequestContext>,
    pub(super) method: Method,
    pub(super) route: String,
    pub(super) begin: SystemTime,
    pub(super) started: Instant,
    pub(super) trace_parent: Option<String>,
    pub(super) authority: String,
    pub(super) peer: Option<Peer>,
    pub(super) status: Option<StatusCode>,
    pub(super) is_whole: bool,
    /// Held until the answer has ended.
    pub(super) permit: Option<Permit>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.permit = None;
        let outcome = Outcome {
            context: self.context.clone(),
            usage: self.context.usage(),
            method: self.method.clone(),
            route: std::mem::take(&mut self.route),
            status: self.status,
            is_whole: self.is_whole,
            begin: self.begin,
            took: self.started.elapsed(),
            started: self.started,
            trace_parent: self.trace_parent.take(),
            authority: std::mem::take(&mut self.authority),
            peer: self.peer,
        };
        self.app.tell(&outcome);
    }
}

impl Pending {
    /// Follows the answer to the end of its body.
    pub(super) fn follow(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        response.map(|body| Body::new(Followed { body, pending: self }))
    }
}

/// A body that knows whether it was read to its end. Fields are dropped in this order: what the body
/// holds is counted before the outcome is told.
struct Followed {
    body: Body,
    pending: Pending,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.pending.is_whole = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
