//! A line of the server's log for each request.

use super::Outcome;

/// Tells `outcome` as one event, with the request's name and without its text.
pub(crate) fn log(outcome: &Outcome) {
    let Outcome { context, usage, .. } = outcome;
    let key = context.key.as_ref().map_or("", |key| key.record.id.as_str());
    let model: String = usage.model.iter().flat_map(|model| model.chars()).take(200).collect();
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
        finish_reason = usage.finish_reason.unwrap_or(""),
        milliseconds = u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
}
