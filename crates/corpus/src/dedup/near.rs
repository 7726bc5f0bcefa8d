//! Near duplicates among texts in memory.

use super::config::MinHashConfig;
use super::shingles::jaccard;
use super::signer::Signer;
use std::collections::{BTreeSet, HashMap};

/// A text that repeats one of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duplicate {
    /// Position of that text.
    pub of: usize,
    /// Jaccard similarity of their shingles.
    pub similarity: f64,
}

/// Texts that others are compared with as they come: append and ask in any order.
///
/// Candidates come from MinHash, and each is compared by its true similarity, whatever the
/// configuration says of verifying. In memory: 4 bytes per different shingle and some 20 per band
/// of each text.
pub struct NearIndex {
    config: MinHashConfig,
    signer: Signer,
    buckets: HashMap<u64, Vec<usize>>,
    entries: Vec<NearEntry>,
}

/// What is kept of a text.
struct NearEntry {
    shingles: Box<[u32]>,
    bands: Vec<u64>,
    /// A hash of its numbers in order.
    numbers: u64,
}

impl NearIndex {
    /// An empty index. The configuration must have been checked.
    pub fn new(config: &MinHashConfig) -> Self {
        let signer = Signer::new(config);
        Self { config: *config, signer, buckets: HashMap::new(), entries: Vec::new() }
    }

    /// Texts in the index.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a text; it is found by its position.
    pub fn insert(&mut self, text: &str) {
        let entry = self.entry(text);
        self.insert_entry(entry);
    }

    /// The text most similar to `text`, if it reaches the threshold; the first of several.
    pub fn best(&mut self, text: &str) -> Option<Duplicate> {
        let entry = self.entry(text);
        self.best_of(&entry)
    }

    fn entry(&mut self, text: &str) -> NearEntry {
        self.signer.sign(text);
        let bands = self.signer.band_keys().collect();
        let numbers = self.signer.numbers();
        NearEntry { shingles: self.signer.set().into(), bands, numbers }
    }

    fn insert_entry(&mut self, entry: NearEntry) {
        for key in &entry.bands {
            self.buckets.entry(*key).or_default().push(self.entries.len());
        }
        self.entries.push(entry);
    }

    fn best_of(&self, entry: &NearEntry) -> Option<Duplicate> {
        let met = entry.bands.iter().filter_map(|key| self.buckets.get(key)).flatten().copied();
        let candidates: BTreeSet<usize> = met.collect();
        let mut best: Option<Duplicate> = None;
        for of in candidates {
            let other = &self.entries[of];
            if self.config.keep_if_numbers_differ && other.numbers != entry.numbers {
                continue;
            }
            let similarity = jaccard(&other.shingles, &entry.shingles);
            let beats = best.is_none_or(|best| similarity > best.similarity);
            if similarity >= self.config.threshold && beats {
                best = Some(Duplicate { of, similarity });
            }
        }
        best
    }
}
