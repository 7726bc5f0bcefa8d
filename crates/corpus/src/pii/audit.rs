//! What was found, for a report that shows nobody's data.

use super::{PiiMatch, PiiRule, find_pii};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One match for review: the value with all but its ends hidden, and a little text around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PiiSample {
    /// The first and last character and as many asterisks as there are characters between, at
    /// most 24.
    pub value: String,
    /// Up to 16 characters before, other matches and digits hidden.
    pub before: String,
    /// Up to 16 characters after, other matches and digits hidden.
    pub after: String,
}

/// Counts per rule and a sample of matches.
///
/// Audits of parts merge into the audit of the whole, in any order: the sample keeps those matches
/// whose hash is smallest, and the hash is of what the sample shows, not of the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PiiAudit {
    /// Texts looked at; a document counts once, however many texts it has.
    pub texts: u64,
    /// Texts with a match, counted likewise.
    pub texts_with_matches: u64,
    /// Matches per rule; rules without one are absent.
    pub counts: BTreeMap<PiiRule, u64>,
    /// Matches for review, at most [`PiiAudit::sample_size`] per rule.
    pub samples: BTreeMap<PiiRule, Vec<PiiSample>>,
    /// Largest number of samples per rule.
    pub sample_size: usize,
}

/// Characters of context on either side.
const CONTEXT: usize = 16;
/// Most asterisks of a hidden value.
const MAX_HIDDEN: usize = 24;

impl PiiAudit {
    /// An audit that keeps up to `sample_size` matches per rule.
    pub fn new(sample_size: usize) -> Self {
        Self {
            texts: 0,
            texts_with_matches: 0,
            counts: BTreeMap::new(),
            samples: BTreeMap::new(),
            sample_size,
        }
    }

    /// Looks at all texts of one document, such as its title beside its text, by `rules`.
    pub fn add_document<T: AsRef<str>>(&mut self, texts: &[T], rules: &[PiiRule]) {
        let before = self.total();
        for text in texts.iter().map(AsRef::as_ref) {
            self.count(text, &find_pii(text, rules));
        }
        self.texts += 1;
        self.texts_with_matches += u64::from(self.total() > before);
    }

    /// Counts the matches that [`find_pii`](super::find_pii) returned for `text`.
    ///
    /// # Panics
    /// If a range is not one of `text`: a caller's bug.
    pub fn add(&mut self, text: &str, matches: &[PiiMatch]) {
        self.texts += 1;
        self.texts_with_matches += u64::from(!matches.is_empty());
        self.count(text, matches);
    }

    fn count(&mut self, text: &str, matches: &[PiiMatch]) {
        for (at, found) in matches.iter().enumerate() {
            *self.counts.entry(found.rule).or_insert(0) += 1;
            if self.sample_size > 0 {
                let sample = sample(text, matches, at);
                keep(self.samples.entry(found.rule).or_default(), [sample], self.sample_size);
            }
        }
    }

    /// Adds what `other` has seen; the smaller sample size of the two holds.
    pub fn merge(&mut self, other: Self) {
        self.texts += other.texts;
        self.texts_with_matches += other.texts_with_matches;
        self.sample_size = self.sample_size.min(other.sample_size);
        for (rule, count) in other.counts {
            *self.counts.entry(rule).or_insert(0) += count;
        }
        for (rule, samples) in other.samples {
            self.samples.entry(rule).or_default().extend(samples);
        }
        for samples in self.samples.values_mut() {
            keep(samples, [], self.sample_size);
        }
        self.samples.retain(|_, samples| !samples.is_empty());
    }

    /// Matches of all rules together.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Merges `more` into `samples`, which stay in the order of their hashes, without repetition.
fn keep<const N: usize>(samples: &mut Vec<PiiSample>, more: [PiiSample; N], size: usize) {
    samples.extend(more);
    samples.sort_by_cached_key(|sample| (rank(sample), sample.clone()));
    samples.dedup();
    samples.truncate(size);
}

/// A number drawn from what the sample shows.
fn rank(sample: &PiiSample) -> u64 {
    let hash = Sha256::new()
        .chain_update(&sample.before)
        .chain_update([0])
        .chain_update(&sample.value)
        .chain_update([0])
        .chain_update(&sample.after)
        .finalize();
    hash[..8].iter().fold(0, |rank, byte| rank << 8 | u64::from(*byte))
}

fn sample(text: &str, matches: &[PiiMatch], at: usize) -> PiiSample {
    let range = &matches[at].range;
    let from = at.checked_sub(1).map_or(0, |last| matches[last].range.end);
    let to = matches.get(at + 1).map_or(text.len(), |next| next.range.start);
    let before: Vec<char> = text[from..range.start].chars().rev().take(CONTEXT).collect();
    PiiSample {
        value: hidden(&text[range.clone()]),
        before: before.into_iter().rev().map(without_digits).collect(),
        after: text[range.end..to].chars().take(CONTEXT).map(without_digits).collect(),
    }
}

fn without_digits(ch: char) -> char {
    if ch.is_numeric() { '#' } else { ch }
}

/// The first and last character of a value of at least six; shorter ones are hidden altogether.
fn hidden(value: &str) -> String {
    let length = value.chars().count();
    let stars = "*".repeat(length.saturating_sub(2).clamp(1, MAX_HIDDEN));
    match (value.chars().next(), value.chars().next_back()) {
        (Some(first), Some(last)) if length >= 6 => format!("{first}{stars}{last}"),
        _ => stars,
    }
}
