//! The guard before all routes.

use super::origin::{self, Cors};
use super::outcome::{NO_ROUTE, Pending};
use super::{ADMIN_PREFIXES, Access, body, credentials};
use crate::app::{App, Settings};
use crate::clock::rfc3339_in;
use crate::context::{self, RequestContext};
use crate::dialect::{Dialect, shape};
use crate::error::ApiError;
use crate::keys::Key;
use crate::limits::{Allowance, Permit};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Names a request: the client's own name for it, or ours.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What Anthropic's clients read a request's name from.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Longest name of a request that is taken over.
const MAX_ID: usize = 128;

/// Puts the guard before everything that `router` answers, its fallback included.
pub(crate) fn protect(app: &App, router: Router) -> Router {
    router.layer(middleware::from_fn_with_state(app.clone(), guard))
}

async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let settings = app.settings();
    let id = request_id(&app, request.headers());
    let dialect = Dialect::of(request.uri().path());
    let (response, cors) = match Cors::check(&settings.access, &request) {
        Err(error) => (refuse(&app, id.clone(), &request, error), None),
        Ok(cors) => match cors.preflight(&request) {
            Some(answer) => (answer, Some(cors)),
            None if settings.access.is_public(request.uri().path()) => {
                (next.run(request).await, Some(cors))
            }
            None => (admit(&app, &settings, id.clone(), request, next).await, Some(cors)),
        },
    };
    let mut response = response;
    if let Ok(id) = HeaderValue::from_str(&id) {
        if dialect == Dialect::Anthropic {
            response.headers_mut().insert(ANTHROPIC_REQUEST_ID, id.clone());
        }
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(cors) = cors {
        cors.allow(response.headers_mut());
    }
    response
}

/// Refuses a request that nobody should have sent; the logs tell of it.
fn refuse(app: &App, id: String, request: &Request, error: ApiError) -> Response {
    let context = Arc::new(RequestContext::new(id, None));
    let pending = pending(app, &context, request, None);
    let answer = context::within(context, || error.into_response());
    pending.follow(shape(Dialect::of(request.uri().path()), answer))
}

/// What is told of `request` once its answer has ended.
fn pending(
    app: &App,
    context: &Arc<RequestContext>,
    request: &Request,
    permit: Option<Permit>,
) -> Pending {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    Pending {
        app: app.clone(),
        context: context.clone(),
        method: request.method().clone(),
        route: route.unwrap_or(NO_ROUTE).to_owned(),
        begin: SystemTime::now(),
        started: Instant::now(),
        trace_parent: text(request.headers(), "traceparent"),
        authority: origin::shown(origin::authority(request)),
        peer: request.extensions().get().copied(),
        status: None,
        is_whole: false,
        permit,
    }
}

/// Answers a request of a path that is not public.
async fn admit(
    app: &App,
    settings: &Settings,
    id: String,
    request: Request,
    next: Next,
) -> Response {
    let entry = enter(&settings.access, &request, app.now());
    let (key, permit, refused) = match entry {
        Ok((key, permit)) => (key, permit, None),
        Err((key, error)) => (key, None, Some(error)),
    };
    let context = Arc::new(RequestContext::new(id, key));
    let dialect = Dialect::of(request.uri().path());
    let pending = pending(app, &context, &request, permit);
    let asks_for_page = text(request.headers(), "accept").is_some_and(|a| a.contains("text/html"));
    let answer = match refused {
        Some(error) => Err(error),
        None => respond((app, settings), context.clone(), request, next).await,
    };
    let tell = |error: ApiError| context::within(context.clone(), || error.into_response());
    let answer = answer.unwrap_or_else(tell);
    let mut response = shape(dialect, answer);
    if response.status() == StatusCode::UNAUTHORIZED {
        // A browser asks its user for a password; programs are told what they should send.
        let scheme = if asks_for_page { "Basic realm=\"catena\"" } else { "Bearer" };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    if let Some(key) = &context.key {
        let (requests, tokens) = key.limiter.allowances(Instant::now());
        tell_allowance(dialect, response.headers_mut(), "requests", requests);
        tell_allowance(dialect, response.headers_mut(), "tokens", tokens);
    }
    pending.follow(response)
}

type Entry = (Option<Arc<Key>>, Option<Permit>);

/// Finds the key, and a place within its limits.
fn enter(
    access: &Access,
    request: &Request,
    now: u64,
) -> Result<Entry, (Option<Arc<Key>>, ApiError)> {
    let Some(ring) = &access.keys else { return Ok((None, None)) };
    let Some(text) = credentials::key_text(request.headers()) else {
        return Err((None, ApiError::Unauthorized { reason: "no API key was sent" }));
    };
    let Some(key) = ring.find(&text) else {
        return Err((None, ApiError::Unauthorized { reason: "the API key is not known" }));
    };
    if key.record.has_expired(now) {
        return Err((Some(key), ApiError::Unauthorized { reason: "the API key has expired" }));
    }
    let path = request.uri().path();
    let needs_admin = ADMIN_PREFIXES.iter().any(|prefix| path.starts_with(prefix));
    if !key.record.allows_route(path) || (needs_admin && !key.record.admin) {
        let name = path.chars().take(200).collect();
        return Err((Some(key), ApiError::Forbidden { what: "the path", name }));
    }
    match key.limiter.begin(Instant::now()) {
        Ok(permit) => Ok((Some(key), Some(permit))),
        Err(exhausted) => Err((Some(key), ApiError::RateLimited(exhausted))),
    }
}

/// Reads the body and runs the handler. A handler that panics loses its own request only.
async fn respond(
    (app, settings): (&App, &Settings),
    context: Arc<RequestContext>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (request, model) = body::read(request, &settings.limits).await?;
    if let Some(model) = model {
        context.use_model(&Dialect::of(request.uri().path()).served_name(app, model))?;
    }
    let handler = context::scope(context, next.run(request));
    AssertUnwindSafe(handler)
        .catch_unwind()
        .await
        .map_err(|_| ApiError::Internal { reason: "its handler panicked".to_owned() })
}

/// The client's name for the request if it is fit for logs, or a new one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let fit = |id: &String| {
        !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    text(headers, REQUEST_ID.as_str()).filter(fit).unwrap_or_else(|| app.answer_id("req"))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// OpenAI's headers for what is left of a limit, and Anthropic's beside them for its clients.
fn tell_allowance(
    dialect: Dialect,
    headers: &mut HeaderMap,
    what: &str,
    allowance: Option<Allowance>,
) {
    let Some(Allowance { limit, remaining, reset }) = allowance else { return };
    let mut tell = |name: String, value: String| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    };
    let in_seconds = format!("{}s", whole_seconds(reset));
    let parts = [("limit", limit.to_string()), ("remaining", remaining.to_string())];
    for (part, value) in parts.iter().chain([&("reset", in_seconds)]) {
        tell(format!("x-ratelimit-{part}-{what}"), value.clone());
    }
    if dialect == Dialect::Anthropic {
        for (part, value) in parts.iter().chain([&("reset", rfc3339_in(reset))]) {
            tell(format!("anthropic-ratelimit-{what}-{part}"), value.clone());
        }
    }
}

/// Seconds, rounded up.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
