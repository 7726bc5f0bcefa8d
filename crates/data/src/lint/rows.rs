//! Rows that were dropped, and keys that nobody reads.

use super::report::Severity;
use super::rules::Context;

/// `dropped-rows`, `unknown-key`.
pub(super) fn check(context: &mut Context<'_>) {
    let Some(read) = context.options.read else { return };
    for drop in read.drops() {
        let (count, rows) = (drop.count, read.num_rows);
        let (first, reason) = (&drop.first, &drop.reason);
        let message =
            format!("{count} of {rows} rows were dropped, the first in {first}: {reason}");
        context.find("dropped-rows", Severity::Warning, None, message);
    }
    for unknown in &read.unknown_keys {
        let (key, count) = (&unknown.key, unknown.count);
        let message = match &unknown.nearest {
            Some(nearest) => {
                format!(
                    "nothing reads the key `{key}` ({count} times); perhaps `{nearest}` is meant"
                )
            }
            None => format!("nothing reads the key `{key}` ({count} times)"),
        };
        context.find("unknown-key", Severity::Warning, None, message);
    }
}
