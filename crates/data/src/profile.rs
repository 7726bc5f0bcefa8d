//! What cleaning did, document by document and in sum.

use crate::clean::DropRule;
use catena_corpus::PiiRule;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bars of a histogram.
const NUM_BINS: usize = 20;

/// What happened to one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentProfile {
    /// The document.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Why it was dropped; absent if it was kept.
    pub dropped_by: Option<DropRule>,
    /// The kept document that it repeats.
    pub duplicate_of: Option<String>,
    /// Jaccard similarity with that document.
    pub similarity: Option<f64>,
    /// Whether normalization changed the text.
    pub normalized: bool,
    /// Characters of the clean content.
    pub chars: usize,
    /// Tokens of the clean content.
    pub tokens: usize,
    /// How often each rule masked something.
    pub masked: BTreeMap<PiiRule, usize>,
}

/// One bar of a histogram: `from <= value < to`, the last one `<= to`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Lower edge.
    pub from: f64,
    /// Upper edge.
    pub to: f64,
    /// Values between them.
    pub count: usize,
}

/// How a length is spread over the kept documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Sum of all values.
    pub total: usize,
    /// Smallest value.
    pub min: usize,
    /// Mean.
    pub mean: f64,
    /// Quantiles by nearest rank, under the names `p05`, `p25`, `p50`, `p75`, `p95`, `p99`.
    pub quantiles: BTreeMap<String, usize>,
    /// Largest value.
    pub max: usize,
    /// Twenty bars of equal width.
    pub histogram: Vec<Bin>,
}

/// The summary of a cleaning run. Its JSON form is what the studio's report charts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Documents read.
    pub num_input: usize,
    /// Documents kept.
    pub num_kept: usize,
    /// Documents changed by normalization, among the kept.
    pub num_normalized: usize,
    /// Dropped documents by rule; every rule is listed.
    pub dropped: BTreeMap<String, usize>,
    /// Masked places by rule, among the kept; every active rule is listed.
    pub masked: BTreeMap<String, usize>,
    /// Kept documents with at least one masked place.
    pub num_masked_documents: usize,
    /// Characters per kept document.
    pub chars: Distribution,
    /// Tokens per kept document.
    pub tokens: Distribution,
}

impl Profile {
    /// Sums up `documents`; `rules` are the masking rules that were active.
    pub fn new(documents: &[DocumentProfile], rules: &[PiiRule]) -> Self {
        let kept: Vec<&DocumentProfile> =
            documents.iter().filter(|one| one.dropped_by.is_none()).collect();
        let dropped = |rule: DropRule| {
            let count = documents.iter().filter(|one| one.dropped_by == Some(rule)).count();
            (rule.name().to_owned(), count)
        };
        let masked = |rule: &PiiRule| {
            let count = kept.iter().filter_map(|one| one.masked.get(rule)).sum();
            (rule.name().to_owned(), count)
        };
        Self {
            num_input: documents.len(),
            num_kept: kept.len(),
            num_normalized: kept.iter().filter(|one| one.normalized).count(),
            dropped: DropRule::ALL.into_iter().map(dropped).collect(),
            masked: rules.iter().map(masked).collect(),
            num_masked_documents: kept.iter().filter(|one| !one.masked.is_empty()).count(),
            chars: Distribution::new(kept.iter().map(|one| one.chars).collect()),
            tokens: Distribution::new(kept.iter().map(|one| one.tokens).collect()),
        }
    }
}

impl Distribution {
    /// Describes `values`; without any, everything is zero and the histogram empty.
    pub fn new(mut values: Vec<usize>) -> Self {
        values.sort_unstable();
        let (Some(&min), Some(&max)) = (values.first(), values.last()) else {
            return Self::default();
        };
        let total: usize = values.iter().sum();
        let quantile = |percent: usize| {
            let rank = (percent * values.len()).div_ceil(100).max(1);
            (format!("p{percent:02}"), values[rank - 1])
        };
        Self {
            total,
            min,
            mean: total as f64 / values.len() as f64,
            quantiles: [5, 25, 50, 75, 95, 99].into_iter().map(quantile).collect(),
            max,
            histogram: histogram(&values, min, max),
        }
    }
}

fn histogram(values: &[usize], min: usize, max: usize) -> Vec<Bin> {
    let width = ((max - min) as f64 / NUM_BINS as f64).max(1.0);
    let edge = |bar: usize| min as f64 + width * bar as f64;
    let mut bars: Vec<Bin> =
        (0..NUM_BINS).map(|bar| Bin { from: edge(bar), to: edge(bar + 1), count: 0 }).collect();
    for &value in values {
        let bar = bars.iter().rposition(|bar| bar.from <= value as f64).unwrap_or(0);
        bars[bar].count += 1;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let spread = Distribution::new((1..=100).collect());
        assert_eq!((spread.min, spread.max, spread.total), (1, 100, 5050));
        assert_eq!(spread.quantiles["p05"], 5);
        assert_eq!(spread.quantiles["p50"], 50);
        assert_eq!(spread.quantiles["p99"], 99);
        assert_eq!(spread.histogram.iter().map(|bar| bar.count).sum::<usize>(), 100);
        assert_eq!(spread.histogram.len(), 20);
        assert_eq!(Distribution::new(vec![7]).quantiles["p95"], 7);
        assert_eq!(Distribution::new(vec![]), Distribution::default());
    }
}
