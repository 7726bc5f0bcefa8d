//! `keep_alive: 0` without a prompt: the client wants the model out of memory.

use super::line::{Form, Line};
use crate::app::App;
use crate::context;
use crate::error::ApiError;
use crate::ignored::Ignored;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

const FIELD: &str = "keep_alive";

/// Whether the client wants `model` out of memory, and may want that. Otherwise the field, if it is
/// there, is among those without effect.
pub(super) fn asks_to_unload(
    app: &App,
    model: &str,
    (keep_alive, has_prompt): (Option<&Value>, bool),
    ignored: &mut Ignored,
) -> bool {
    let Some(keep_alive) = keep_alive else { return false };
    let may = context::current()
        .is_none_or(|request| request.key.as_ref().is_none_or(|key| key.record.admin));
    let asks =
        may && !has_prompt && is_zero(keep_alive) && app.registry().may_leave(&app.meant(model));
    if !asks {
        ignored.add_field(FIELD);
    }
    asks
}

/// Takes `model`, which the client called `asked`, out of memory.
///
/// # Errors
/// As [`crate::models::Registry::unload`].
pub(super) async fn unload(
    app: &App,
    (asked, model): (&str, &str),
    form: Form,
) -> Result<Response, ApiError> {
    app.registry().unload(&app.meant(model), app.limits().max_wait).await?;
    Ok(Json(Line::only(asked, form, "unload")).into_response())
}

/// A duration of nothing: `0`, `"0"`, `"0s"`, `"0m"`.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            digits.parse() == Ok(0.0)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_zero;
    use serde_json::json;

    #[test]
    fn durations_of_nothing_are_told_from_others() {
        for zero in [json!(0), json!(0.0), json!("0"), json!("0s"), json!("0ms")] {
            assert!(is_zero(&zero), "{zero}");
        }
        for other in [json!(-1), json!("5m"), json!(""), json!(null), json!([0]), json!("s")] {
            assert!(!is_zero(&other), "{other}");
        }
    }
}
