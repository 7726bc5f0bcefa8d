//! What the stage `data` did, as the report of the run draws it.

use catena_curate::Summary;
use catena_protocol::Document;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bars of a histogram.
const NUM_BINS: usize = 20;

/// The sums of the stage. What did not happen is not listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Profile {
    /// Documents read.
    pub(super) num_input: u64,
    /// Documents kept.
    pub(super) num_kept: u64,
    /// Files and rows that were no documents, by reason.
    pub(super) rejected: BTreeMap<String, u64>,
    /// Dropped documents by rule.
    pub(super) dropped: BTreeMap<String, u64>,
    /// Documents changed, by operator.
    pub(super) changed: BTreeMap<String, u64>,
    /// Masked places by kind of personal data.
    pub(super) masked: BTreeMap<String, u64>,
    /// Characters per kept document.
    pub(super) chars: Distribution,
    /// Tokens per kept document.
    pub(super) tokens: Distribution,
}

impl Profile {
    /// Sums up a run that kept `documents`; `count_tokens` measures their tokens.
    pub(super) fn new(
        summary: &Summary,
        documents: &[Document],
        count_tokens: &dyn Fn(&str) -> usize,
    ) -> Self {
        let dropped = summary.dropped.iter().flat_map(|(step, rules)| {
            rules.iter().map(|(rule, count)| (named(step, rule), *count))
        });
        let contents = || documents.iter().map(|document| document.content.as_str());
        Self {
            num_input: summary.num_read,
            num_kept: summary.num_kept,
            rejected: summary.rejected.clone(),
            dropped: dropped.collect(),
            changed: summary.changed.clone(),
            masked: summary.masked.clone(),
            chars: Distribution::new(contents().map(|text| text.chars().count()).collect()),
            tokens: Distribution::new(contents().map(count_tokens).collect()),
        }
    }
}

/// A rule under the name that says all without its step.
fn named(step: &str, rule: &str) -> String {
    if step == "dedup" { format!("{rule}_duplicate") } else { rule.to_owned() }
}

/// One bar of a histogram: `from <= value < to`, the last one `<= to`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Bin {
    from: f64,
    to: f64,
    count: usize,
}

/// How a length is spread over documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Distribution {
    /// Sum of all values.
    pub(super) total: usize,
    min: usize,
    mean: f64,
    /// By nearest rank, under the names `p05`, `p25`, `p50`, `p75`, `p95`, `p99`.
    quantiles: BTreeMap<String, usize>,
    max: usize,
    /// Twenty bars of equal width.
    histogram: Vec<Bin>,
}

impl Distribution {
    /// Describes `values`; without any, everything is zero and the histogram empty.
    fn new(mut values: Vec<usize>) -> Self {
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

    #[test]
    fn only_what_happened_is_listed() {
        let counts = |name: &str| BTreeMap::from([(name.to_owned(), 2)]);
        let dropped = [("dedup".to_owned(), counts("near")), ("read".to_owned(), counts("empty"))];
        let summary = Summary {
            num_read: 5,
            num_kept: 1,
            dropped: dropped.into(),
            masked: counts("email"),
            ..Summary::default()
        };
        let (id, title) = ("a".to_owned(), String::new());
        let document = Document { id, title, content: "déjà vu".to_owned() };
        let profile = Profile::new(&summary, &[document], &|text| text.split(' ').count());
        let profile = serde_json::to_value(profile).expect("plain data");
        assert_eq!(profile["dropped"], serde_json::json!({"empty": 2, "near_duplicate": 2}));
        assert_eq!(profile["masked"], serde_json::json!({"email": 2}));
        assert_eq!(
            (&profile["chars"]["total"], &profile["tokens"]["total"]),
            (&7.into(), &2.into())
        );
    }
}
