//! How long a text is.

use crate::ngrams::{HashSink, Spelling};

/// Words of a text; in scripts without spaces, characters.
pub(super) fn words(text: &str) -> f64 {
    let mut count = 0u64;
    let visit = |_, _| {
        count += 1;
        true
    };
    Spelling::Plain.scan(text, &mut HashSink::new(visit));
    count as f64
}
