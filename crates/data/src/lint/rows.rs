//! Rows that were dropped, and keys that nobody reads.

use super::report::Severity;
use super::rules::Context;
use crate::formats::UnknownKey;

/// `dropped-rows`, `unknown-key`, of every set that was read.
///
/// A key that is nearly a known one, in rows that lack that one, is an error: what it says would be
/// lost. Other keys, such as numbers of rows, belong to nearly every public data set.
pub(super) fn check(context: &mut Context<'_>) {
    for read in context.options.read {
        for drop in read.drops() {
            let (count, rows) = (drop.count, read.num_rows);
            let (first, reason) = (&drop.first, &drop.reason);
            let message =
                format!("{count} of {rows} rows were dropped, the first in {first}: {reason}");
            context.find("dropped-rows", Severity::Warning, None, message);
        }
        for unknown in &read.unknown_keys {
            let severity = if unknown.alone > 0 { Severity::Error } else { Severity::Warning };
            context.find("unknown-key", severity, None, in_words(unknown));
        }
    }
}

fn in_words(unknown: &UnknownKey) -> String {
    let UnknownKey { key, count, nearest, alone } = unknown;
    let said = format!("nothing reads the key `{key}` ({count} times)");
    match nearest {
        Some(nearest) if *alone > 0 => {
            format!("{said}; `{nearest}` is perhaps meant, which {alone} of them lack")
        }
        Some(nearest) => format!("{said}; perhaps `{nearest}` is meant"),
        None => said,
    }
}
