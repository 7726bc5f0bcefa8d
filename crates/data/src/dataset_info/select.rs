//! Which rows of a file belong to a data set.

use crate::rows::Row;

/// The one split that a local file has.
const SPLIT: &str = "train";

/// A part of the rows, as `train`, `train[:100]`, `train[10%:20%]`.
///
/// A number counts rows, a percentage is rounded to the nearest row (to an even one from the
/// middle), a minus counts from the end, as in Hugging Face's `datasets`. None if `split` is not written so.
pub(super) fn split_range(split: &str, count: usize) -> Option<std::ops::Range<usize>> {
    let slice = split.trim().strip_prefix(SPLIT)?;
    if slice.is_empty() {
        return Some(0..count);
    }
    let (from, to) = slice.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    let bound = |text: &str, open: usize| match text.trim() {
        "" => Some(open),
        text => row(text, count),
    };
    let (from, to) = (bound(from, 0)?, bound(to, count)?);
    Some(from..to.max(from))
}

/// The row that a bound names, if it is a number.
fn row(bound: &str, count: usize) -> Option<usize> {
    let whole = i64::try_from(count).unwrap_or(i64::MAX);
    let row = match bound.strip_suffix('%') {
        Some(percent) => {
            let share = percent.trim().parse::<i64>().ok()?.clamp(-100, 100) as f64 / 100.0;
            #[expect(clippy::cast_possible_truncation, reason = "at most the number of rows")]
            let row = (share * count as f64).round_ties_even() as i64;
            row
        }
        None => bound.parse::<i64>().ok()?,
    };
    let row = if row < 0 { whole.saturating_add(row) } else { row };
    usize::try_from(row.clamp(0, whole)).ok()
}

/// `wanted` rows in a random order: every row once before any comes again.
pub(super) fn draw(mut rows: Vec<Row>, wanted: usize, seed: u64) -> Vec<Row> {
    let mut state = seed;
    let mut below = |limit: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let high = (u128::from(catena_corpus::mix(state)) * limit as u128) >> 64;
        usize::try_from(high).unwrap_or(0)
    };
    for at in (1..rows.len()).rev() {
        rows.swap(at, below(at + 1));
    }
    let count = rows.len();
    rows.truncate(wanted);
    while count > 0 && rows.len() < wanted {
        let again = rows[below(count)].clone();
        rows.push(again);
    }
    rows
}
