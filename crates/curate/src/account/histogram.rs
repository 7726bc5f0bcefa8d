//! Lengths in bars of powers of two, which add up without the values being kept.

use serde::{Deserialize, Serialize};

/// Counts of values by their number of binary digits: bar `n` holds `2^(n-1) <= value < 2^n`, bar 0
/// the zeros.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(Vec<u64>);

impl Histogram {
    /// Counts `value`.
    pub(crate) fn add(&mut self, value: u64) {
        let bar = (u64::BITS - value.leading_zeros()) as usize;
        if self.0.len() <= bar {
            self.0.resize(bar + 1, 0);
        }
        self.0[bar] += 1;
    }

    /// The bars with their lower edge and count.
    pub fn bars(&self) -> impl Iterator<Item = (u64, u64)> {
        let edge = |bar: usize| if bar == 0 { 0 } else { 1 << (bar - 1) };
        self.0.iter().enumerate().map(move |(bar, count)| (edge(bar), *count))
    }
}
