//! How many different words a text has.

use crate::ngrams::{HashSink, Spelling};

/// Different words by words; 1 for a text without words.
///
/// The ratio falls with length, so it compares texts of like length.
pub(super) fn ratio(text: &str) -> f64 {
    let mut words = Vec::new();
    let visit = |hash, _| {
        words.push(hash);
        true
    };
    Spelling::Plain.scan(text, &mut HashSink::new(visit));
    let count = words.len();
    words.sort_unstable();
    words.dedup();
    if count == 0 { 1.0 } else { words.len() as f64 / count as f64 }
}
