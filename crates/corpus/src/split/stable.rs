//! A division that never moves a document.

use super::options::{SplitOptions, place};
use crate::error::CorpusError;

/// The part of each key, from its hash alone: a document stays in its part whatever is added or
/// removed, and the shares are met only on average. A group is kept together by giving its name
/// as the key.
///
/// # Errors
/// [`CorpusError::Config`] for options out of range.
pub fn stable_split<'a>(
    keys: impl IntoIterator<Item = &'a str>,
    options: &SplitOptions,
) -> Result<Vec<usize>, CorpusError> {
    options.check()?;
    let sum: f64 = options.parts.iter().map(|part| part.share).sum();
    let part_of = |key: &str| {
        let hash = place(key, options.seed);
        let bits = hash[..8].iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
        let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
        let mut end = 0.0;
        let found = options.parts.iter().position(|part| {
            end += part.share / sum;
            unit < end
        });
        found.unwrap_or(options.parts.len() - 1)
    };
    Ok(keys.into_iter().map(part_of).collect())
}
