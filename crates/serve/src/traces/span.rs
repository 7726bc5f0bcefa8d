//! One request as a span of OTLP's JSON form.
//!
//! # Source
//! OpenTelemetry protocol 1.x, JSON encoding (identities in hexadecimal); semantic conventions for
//! HTTP servers; those for generative AI, inference and embeddings spans, which have a repository of
//! their own: <https://github.com/open-telemetry/semantic-conventions-genai>. Texts are not told, and so
//! neither are the ends that a request sets to its answer.

use crate::access::{Outcome, host_and_port};
use crate::context::{RequestUsage, Sampling};
use crate::metrics::PROVIDER;
use crate::otlp::{decimal, nanos, number, text};
use crate::router::gen_ai_operation;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `SPAN_KIND_SERVER`.
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// What the client's `traceparent` says (W3C Trace Context, level 1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parent<'a> {
    pub(super) trace_id: &'a str,
    pub(super) span_id: &'a str,
    pub(super) is_sampled: bool,
}

/// Reads a `traceparent`; nothing if it is not one.
pub(super) fn parent(text: &str) -> Option<Parent<'_>> {
    let mut parts = text.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let (span_id, flags) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str, digits: usize| {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(lower)
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let well_formed = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace_id, 32)
        && is_hex(span_id, 16)
        && is_hex(flags, 2);
    if !well_formed || is_zero(trace_id) || is_zero(span_id) {
        return None;
    }
    let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    Some(Parent { trace_id, span_id, is_sampled })
}

/// The span of a request; nothing if its client asked not to be traced.
pub(super) fn span(outcome: &Outcome) -> Option<Value> {
    let parent = outcome.trace_parent.as_deref().and_then(parent);
    if parent.as_ref().is_some_and(|parent| !parent.is_sampled) {
        return None;
    }
    let operation = gen_ai_operation(&outcome.method, &outcome.route);
    let trace_id = parent.as_ref().map_or_else(|| random_hex(16), |p| p.trace_id.to_owned());
    let mut span = json!({
        "traceId": trace_id,
        "spanId": random_hex(8),
        "name": name(outcome, operation),
        "kind": SERVER,
        "startTimeUnixNano": at(outcome.begin),
        "endTimeUnixNano": at(outcome.begin + outcome.took),
        "attributes": attributes(outcome, operation),
        "events": first_token(outcome),
        "status": if is_error(outcome) { json!({"code": ERROR}) } else { json!({}) },
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = json!(parent.span_id);
    }
    Some(span)
}

/// The work and its model; otherwise the method and the route, as far as they are among the known.
fn name(outcome: &Outcome, operation: Option<&str>) -> String {
    if let (Some(operation), Some(model)) = (operation, &outcome.usage.model) {
        return format!("{operation} {}", shown(model));
    }
    let method = outcome.known_method().unwrap_or("HTTP");
    outcome.known_route().map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// Whether it ended as it should not; what is wrong with a request is no error of a server's span.
fn is_error(outcome: &Outcome) -> bool {
    let is_client_error = outcome.status.is_some_and(|status| status.is_client_error());
    !is_client_error && outcome.error_type().is_some()
}

fn attributes(outcome: &Outcome, operation: Option<&str>) -> Vec<Value> {
    let usage = &outcome.usage;
    let mut attributes = of_http(outcome);
    attributes.push(text("catena.request_id", &outcome.context.id));
    if let Some(error) = outcome.error_type() {
        attributes.push(text("error.type", error));
    }
    if let Some(operation) = operation {
        attributes.push(text("gen_ai.operation.name", operation));
        attributes.push(text("gen_ai.provider.name", PROVIDER));
    }
    attributes.extend(asked_for(usage));
    attributes.extend(usage.sampling.into_iter().flat_map(|asked| chosen_by(usage, asked)));
    attributes.extend(used(usage));
    if usage.is_stream
        && let Some(first) = usage.first_token
    {
        let wait = first.saturating_duration_since(outcome.started);
        attributes.push(decimal("gen_ai.response.time_to_first_chunk", wait.as_secs_f64()));
    }
    if let Some(key) = &outcome.context.key {
        attributes.push(text("catena.key", &key.record.id));
    }
    attributes
}

/// What the conventions for HTTP servers tell.
fn of_http(outcome: &Outcome) -> Vec<Value> {
    let method = outcome.known_method().unwrap_or("_OTHER");
    let mut attributes = vec![text("http.request.method", method)];
    if let Some(route) = outcome.known_route() {
        attributes.push(text("http.route", route));
    }
    if let Some(status) = outcome.status {
        attributes.push(number("http.response.status_code", status.as_u16().into()));
    }
    let (host, port) = host_and_port(&outcome.authority);
    if !host.is_empty() {
        attributes.push(text("server.address", host));
    }
    if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
        attributes.push(number("server.port", port.into()));
    }
    attributes
}

/// What the request asked for, and of whom the answer is.
fn asked_for(usage: &RequestUsage) -> Vec<Value> {
    let named = |key: &str, value: Option<&String>| value.map(|value| text(key, &shown(value)));
    let is_stream = json!({"key": "gen_ai.request.stream", "value": {"boolValue": true}});
    let dimensions = usage.dimensions;
    let dimensions =
        dimensions.map(|count| number("gen_ai.embeddings.dimension.count", count as u64));
    let attributes = [
        named("gen_ai.request.model", usage.model.as_ref()),
        named("gen_ai.response.model", usage.served_model.as_ref()),
        named("gen_ai.response.id", usage.answer_id.as_ref()),
        usage.is_stream.then_some(is_stream),
        dimensions,
    ];
    attributes.into_iter().flatten().collect()
}

/// How the request wanted tokens to be chosen. What stands as without the request is not told.
fn chosen_by(usage: &RequestUsage, asked: Sampling) -> Vec<Value> {
    let mut attributes = vec![
        share("gen_ai.request.temperature", asked.temperature),
        share("gen_ai.request.top_p", asked.top_p),
    ];
    // No limit is told as none.
    if asked.max_tokens < usize::MAX {
        attributes.push(number("gen_ai.request.max_tokens", asked.max_tokens as u64));
    }
    if let Some(top_k) = asked.top_k {
        attributes.push(decimal("gen_ai.request.top_k", top_k as f64));
    }
    for (key, penalty) in [
        ("gen_ai.request.frequency_penalty", asked.frequency_penalty),
        ("gen_ai.request.presence_penalty", asked.presence_penalty),
    ] {
        if penalty != 0.0 {
            attributes.push(share(key, penalty));
        }
    }
    if asked.n != 1 {
        attributes.push(number("gen_ai.request.choice.count", asked.n as u64));
    }
    // The form's integers have a sign.
    if !usage.has_drawn_seed && i64::try_from(asked.seed).is_ok() {
        attributes.push(number("gen_ai.request.seed", asked.seed));
    }
    if asked.is_json {
        attributes.push(text("gen_ai.output.type", "json"));
    }
    attributes
}

/// What the request took, and how it ended.
fn used(usage: &RequestUsage) -> Vec<Value> {
    let mut attributes = Vec::new();
    if usage.prompt_tokens > 0 {
        attributes.push(number("gen_ai.usage.input_tokens", usage.prompt_tokens));
    }
    // What writes nothing has no number of tokens written.
    if usage.sampling.is_some() && usage.prompt_tokens > 0 {
        attributes.push(number("gen_ai.usage.output_tokens", usage.completion_tokens));
    }
    for (key, tokens) in [
        ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens),
    ] {
        if tokens > 0 {
            attributes.push(number(key, tokens));
        }
    }
    if !usage.finish_reasons.is_empty() {
        let reasons = usage.finish_reasons.iter().map(|reason| json!({"stringValue": reason}));
        let values = json!({"arrayValue": {"values": reasons.collect::<Vec<_>>()}});
        attributes.push(json!({"key": "gen_ai.response.finish_reasons", "value": values}));
    }
    attributes
}

/// The conventions have no event for it, so it has a name of ours.
fn first_token(outcome: &Outcome) -> Vec<Value> {
    let Some(first) = outcome.usage.first_token else { return Vec::new() };
    let time = outcome.begin + first.saturating_duration_since(outcome.started);
    vec![json!({"name": "catena.first_token", "timeUnixNano": at(time)})]
}

/// A number of few digits, as its client wrote it.
fn share(key: &str, value: f32) -> Value {
    decimal(key, (f64::from(value) * 1e6).round() / 1e6)
}

fn shown(model: &str) -> String {
    model.chars().take(200).collect()
}

fn at(time: SystemTime) -> String {
    nanos(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

/// Random bytes in hexadecimal, never all zero.
fn random_hex(bytes: usize) -> String {
    let mut buffer = [0; 16];
    let random = &mut buffer[..bytes];
    if getrandom::fill(random).is_err() || random.iter().all(|byte| *byte == 0) {
        // An identity that is not unique spoils one picture and nothing else.
        random[0] = 1;
    }
    random.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
