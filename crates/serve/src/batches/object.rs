//! A batch as an object.

use serde_json::{Value, json};

/// Seconds that a batch may take.
pub(super) const WINDOW_SECONDS: u64 = 24 * 3600;

/// What a batch has come to.
pub(super) fn status(batch: &Value) -> &str {
    batch["status"].as_str().unwrap_or_default()
}

/// Whether nothing more happens to it.
pub(super) fn is_over(batch: &Value) -> bool {
    matches!(status(batch), "failed" | "completed" | "expired" | "cancelled")
}

/// A batch that waits for its turn.
pub(super) fn new(
    id: &str,
    endpoint: &str,
    input_file_id: &str,
    metadata: &Value,
    now: u64,
) -> Value {
    json!({
        "id": id,
        "object": "batch",
        "endpoint": endpoint,
        "errors": null,
        "input_file_id": input_file_id,
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": null,
        "error_file_id": null,
        "created_at": now,
        "in_progress_at": null,
        "expires_at": now + WINDOW_SECONDS,
        "finalizing_at": null,
        "completed_at": null,
        "failed_at": null,
        "expired_at": null,
        "cancelling_at": null,
        "cancelled_at": null,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": metadata,
    })
}

/// Puts `batch` into a status, with the time at which it came to it.
pub(super) fn become_status(batch: &mut Value, status: &str, now: u64) {
    batch["status"] = json!(status);
    let at = format!("{status}_at");
    if batch.get(&at).is_some() {
        batch[at] = json!(now);
    }
}

/// Notes that the lines of the file are wrong.
pub(super) fn refuse(batch: &mut Value, errors: &[Value], now: u64) {
    batch["errors"] = json!({"object": "list", "data": errors});
    become_status(batch, "failed", now);
}
