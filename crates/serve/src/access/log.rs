//! A line of the server's log for each request.

use super::Outcome;

/// Longest foreign text in a log, in characters.
const MAX_CHARS: usize = 200;

/// A foreign text, fit for logs: whatever ends a line somewhere, or moves a terminal, is replaced.
pub(super) fn printable(text: &str) -> String {
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().take(MAX_CHARS).map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

/// Tells `outcome` as one event, with the request's name and without its text.
pub(crate) fn log(outcome: &Outcome) {
    let Outcome { context, usage, .. } = outcome;
    let key = context.key.as_ref().map_or("", |key| key.record.id.as_str());
    let model = usage.model.as_deref().map(printable).unwrap_or_default();
    tracing::info!(
        request_id = %context.id,
        key,
        method = outcome.method.as_str(),
        route = outcome.route,
        model,
        status = outcome.status.map_or(0, |status| status.as_u16()),
        complete = outcome.is_whole,
        prompt_tokens = usage.prompt_tokens,
        completion_tokens = usage.completion_tokens,
        finish_reason = usage.finish_reason().unwrap_or(""),
        error = usage.error.unwrap_or(""),
        milliseconds = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
}
