//! Selection by one score.

use super::budget::{Budget, Purse};
use crate::error::CorpusError;
use crate::quality::check_finite;

/// Which end of a score comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The greatest.
    #[default]
    Descending,
    /// The smallest.
    Ascending,
}

/// The best rows that the budget holds, in ascending order of row.
///
/// Rows are taken from the best on; one that no longer fits is passed over, so that smaller ones
/// after it use what is left. Equal scores go by row. `sizes` may be empty where the budget
/// counts documents.
///
/// # Errors
/// [`CorpusError::Lengths`], [`CorpusError::NotFinite`].
pub fn select_top(
    scores: &[f32],
    sizes: &[u64],
    budget: Budget,
    order: Order,
) -> Result<Vec<usize>, CorpusError> {
    let mut purse = Purse::new(budget, sizes, scores.len())?;
    let ranked = ranked(scores, order)?;
    let mut taken: Vec<usize> = ranked.into_iter().filter(|&row| purse.pay(row)).collect();
    taken.sort_unstable();
    Ok(taken)
}

/// The rows whose rank by ascending score lies from `low` to `high`, as shares of all rows.
///
/// Exactly `round(high * n) - round(low * n)` rows, so that neighbouring ranges share no row and
/// leave none out. Equal scores go by row.
///
/// # Errors
/// [`CorpusError::Config`] unless `0 <= low <= high <= 1`, [`CorpusError::NotFinite`].
pub fn select_percentile(scores: &[f32], low: f64, high: f64) -> Result<Vec<usize>, CorpusError> {
    if !(0.0..=1.0).contains(&high) {
        return Err(CorpusError::Config { key: "high", found: high, expected: "from 0 to 1" });
    }
    if !(0.0..=high).contains(&low) {
        return Err(CorpusError::Config { key: "low", found: low, expected: "from 0 to `high`" });
    }
    let ranked = ranked(scores, Order::Ascending)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the number of scores, as a share is from 0 to 1"
    )]
    let rank = |share: f64| (share * scores.len() as f64).round() as usize;
    let mut taken = ranked[rank(low)..rank(high)].to_vec();
    taken.sort_unstable();
    Ok(taken)
}

/// All rows, the best first; equal scores by row.
pub(super) fn ranked(scores: &[f32], order: Order) -> Result<Vec<usize>, CorpusError> {
    check_finite("score", scores)?;
    let mut rows: Vec<usize> = (0..scores.len()).collect();
    match order {
        Order::Ascending => rows.sort_by(|&a, &b| scores[a].total_cmp(&scores[b])),
        Order::Descending => rows.sort_by(|&a, &b| scores[b].total_cmp(&scores[a])),
    }
    Ok(rows)
}
