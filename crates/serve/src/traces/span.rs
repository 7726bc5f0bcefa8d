//! One request as a span of OTLP's JSON form.
//!
//! # Source
//! OpenTelemetry protocol 1.x, JSON encoding (identities in hexadecimal, 64-bit integers as texts);
//! semantic conventions for generative AI and for HTTP servers.

use crate::access::{Outcome, host_and_port};
use crate::context::{RequestUsage, Sampling};
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
    let name = match (operation, &outcome.usage.model) {
        (Some(operation), Some(model)) => format!("{operation} {}", shown(model)),
        _ => format!("{} {}", outcome.method, outcome.route),
    };
    let status = outcome.status.map_or(0, |status| status.as_u16());
    let is_error = status >= 500 || outcome.status.is_none();
    let trace_id = parent.as_ref().map_or_else(|| random_hex(16), |p| p.trace_id.to_owned());
    let mut span = json!({
        "traceId": trace_id,
        "spanId": random_hex(8),
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": nanos(outcome.begin),
        "endTimeUnixNano": nanos(outcome.begin + outcome.took),
        "attributes": attributes(outcome, operation),
        "events": first_token(outcome),
        "status": if is_error { json!({"code": ERROR}) } else { json!({}) },
    });
    if let Some(parent) = parent {
        span["parentSpanId"] = json!(parent.span_id);
    }
    Some(span)
}

fn attributes(outcome: &Outcome, operation: Option<&str>) -> Vec<Value> {
    let usage = &outcome.usage;
    let mut attributes = vec![
        text("http.request.method", outcome.method.as_str()),
        text("http.route", &outcome.route),
        text("catena.request_id", &outcome.context.id),
    ];
    match outcome.status {
        Some(status) => {
            attributes.push(number("http.response.status_code", status.as_u16().into()));
            if !status.is_success() {
                attributes.push(text("error.type", status.as_str()));
            }
        }
        None => attributes.push(text("error.type", "client_gone")),
    }
    if let Some(operation) = operation {
        attributes.push(text("gen_ai.operation.name", operation));
        attributes.push(text("gen_ai.provider.name", "catena"));
    }
    attributes.extend(asked_for(usage));
    let (host, port) = host_and_port(&outcome.authority);
    if !host.is_empty() {
        attributes.push(text("server.address", host));
    }
    if let Some(port) = port.and_then(|port| port.parse::<u16>().ok()) {
        attributes.push(number("server.port", port.into()));
    }
    if usage.prompt_tokens > 0 {
        attributes.push(number("gen_ai.usage.input_tokens", usage.prompt_tokens));
        attributes.push(number("gen_ai.usage.output_tokens", usage.completion_tokens));
    }
    if !usage.finish_reasons.is_empty() {
        let reasons = usage.finish_reasons.iter().map(|reason| json!({"stringValue": reason}));
        let values = json!({"arrayValue": {"values": reasons.collect::<Vec<_>>()}});
        attributes.push(json!({"key": "gen_ai.response.finish_reasons", "value": values}));
    }
    if let Some(key) = &outcome.context.key {
        attributes.push(text("catena.key", &key.record.id));
    }
    attributes
}

/// What the request asked for, and of whom the answer is.
fn asked_for(usage: &RequestUsage) -> Vec<Value> {
    let named = |key: &str, value: Option<&String>| value.map(|value| text(key, &shown(value)));
    let mut attributes: Vec<Value> = [
        named("gen_ai.request.model", usage.model.as_ref()),
        named("gen_ai.response.model", usage.served_model.as_ref()),
        named("gen_ai.response.id", usage.answer_id.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(Sampling { max_tokens, temperature, top_p, seed }) = usage.sampling {
        // No limit is told as none.
        if max_tokens < usize::MAX {
            attributes.push(number("gen_ai.request.max_tokens", max_tokens as u64));
        }
        attributes.push(share("gen_ai.request.temperature", temperature));
        attributes.push(share("gen_ai.request.top_p", top_p));
        // The form's integers have a sign.
        if i64::try_from(seed).is_ok() {
            attributes.push(number("gen_ai.request.seed", seed));
        }
    }
    attributes
}

fn first_token(outcome: &Outcome) -> Vec<Value> {
    let Some(first) = outcome.usage.first_token else { return Vec::new() };
    let time = outcome.begin + first.saturating_duration_since(outcome.started);
    vec![json!({"name": "gen_ai.first_token", "timeUnixNano": nanos(time)})]
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// A number of few digits, as its client wrote it.
fn share(key: &str, value: f32) -> Value {
    let value = (f64::from(value) * 1e6).round() / 1e6;
    json!({"key": key, "value": {"doubleValue": value}})
}

fn shown(model: &str) -> String {
    model.chars().take(200).collect()
}

fn nanos(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos().to_string()
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
