//! What is divided and how.

use crate::error::CorpusError;
use sha2::{Digest, Sha256};

/// One part.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitPart {
    /// Its name, such as `train`.
    pub name: String,
    /// Its share of the documents; shares need not sum to 1.
    pub share: f64,
}

/// How documents are divided.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitOptions {
    /// The parts.
    pub parts: Vec<SplitPart>,
    /// Seed of the places.
    pub seed: u64,
    /// How far the size of a part may be from its share, by all documents, where groups cannot be
    /// cut; from 0 to 1.
    pub tolerance: f64,
}

impl SplitOptions {
    /// Parts of these names and shares, with a tolerance of 0.02.
    pub fn new(parts: &[(&str, f64)], seed: u64) -> Self {
        let part = |&(name, share): &(&str, f64)| SplitPart { name: name.to_owned(), share };
        Self { parts: parts.iter().map(part).collect(), seed, tolerance: 0.02 }
    }

    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<(), CorpusError> {
        for part in &self.parts {
            if !(part.share > 0.0 && part.share.is_finite()) {
                let (key, found) = ("share", part.share);
                return Err(CorpusError::Config { key, found, expected: "above 0" });
            }
        }
        if self.parts.is_empty() {
            return Err(CorpusError::Config { key: "parts", found: 0.0, expected: "at least 1" });
        }
        if (0.0..=1.0).contains(&self.tolerance) {
            return Ok(());
        }
        let (key, found) = ("tolerance", self.tolerance);
        Err(CorpusError::Config { key, found, expected: "from 0 to 1" })
    }

    /// How many of `documents` each part gets: the largest remainders, the first of equal ones,
    /// get what is left after rounding down.
    pub(super) fn sizes(&self, documents: usize) -> Vec<usize> {
        let sum: f64 = self.parts.iter().map(|part| part.share).sum();
        let exact: Vec<f64> =
            self.parts.iter().map(|part| documents as f64 * (part.share / sum)).collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the number of documents"
        )]
        let mut sizes: Vec<usize> = exact.iter().map(|size| size.floor() as usize).collect();
        let mut order: Vec<usize> = (0..exact.len()).collect();
        order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
        let given: usize = sizes.iter().sum();
        for &part in order.iter().cycle().take(documents.saturating_sub(given)) {
            sizes[part] += 1;
        }
        sizes
    }
}

/// One document to divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitItem<'a> {
    /// Its id.
    pub key: &'a str,
    /// What must have the same proportions in every part, if anything.
    pub label: Option<&'a str>,
    /// What must stay on one side, if anything: an author, a cluster of near duplicates.
    pub group: Option<&'a str>,
}

/// Where a key stands among all.
pub(super) fn place(key: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(key.as_bytes()).finalize().into()
}
