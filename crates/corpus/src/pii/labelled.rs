//! How well the rules find what people have labelled.

use super::{PiiMatch, PiiRule, find_pii};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A text and the personal data in it, as a person labelled it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LabelledText {
    /// Whether the rules were tuned on it (`tune`) or not (`test`).
    pub part: String,
    /// The text.
    pub text: String,
    /// All personal data in it.
    pub spans: Vec<LabelledSpan>,
}

/// One labelled place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LabelledSpan {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What it is.
    pub kind: PiiRule,
}

/// Right, missed and false matches. A match is right if its ends and its kind are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PiiTally {
    /// Labelled places that are found.
    pub right: usize,
    /// Labelled places that are not.
    pub missed: usize,
    /// What is found where no such label is.
    pub wrong: usize,
}

impl PiiTally {
    /// What part of the matches is right; 0 without a match.
    pub fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    /// What part of the labelled places is found; 0 without a label.
    pub fn recall(&self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            missed: self.missed + other.missed,
            wrong: self.wrong + other.wrong,
        }
    }
}

/// What `rules` find in labelled texts, by kind; kinds neither labelled nor found are absent.
pub fn tally_pii<'t>(
    texts: impl IntoIterator<Item = &'t LabelledText>,
    rules: &[PiiRule],
) -> BTreeMap<PiiRule, PiiTally> {
    let mut tallies: BTreeMap<PiiRule, PiiTally> = BTreeMap::new();
    for labelled in texts {
        let label = |span: &LabelledSpan| PiiMatch { rule: span.kind, range: span.start..span.end };
        let expected: Vec<PiiMatch> = labelled.spans.iter().map(label).collect();
        let found = find_pii(&labelled.text, rules);
        for span in &expected {
            let tally = tallies.entry(span.rule).or_default();
            *if found.contains(span) { &mut tally.right } else { &mut tally.missed } += 1;
        }
        for wrong in found.iter().filter(|found| !expected.contains(found)) {
            tallies.entry(wrong.rule).or_default().wrong += 1;
        }
    }
    tallies
}
