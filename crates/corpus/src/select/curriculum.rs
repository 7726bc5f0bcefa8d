//! The order in which a model meets documents.

use super::rank::{Order, ranked};
use crate::error::CorpusError;
use crate::seeded::Seeded;

/// An order by difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curriculum {
    /// From the smallest score to the greatest.
    Ascending,
    /// From the greatest score to the smallest.
    Descending,
    /// So many buckets of equal size in ascending order, each shuffled: difficulty grows, and
    /// neighbours are not alike.
    Buckets {
        /// Number of buckets, at least 1.
        count: usize,
    },
    /// Up and down again: every second document in ascending order, then the others in descending
    /// order, so that both ends are easy and the hardest stand in the middle.
    Sandwich,
}

/// All rows in the order in which the model meets them. The seed matters to buckets alone.
///
/// # Errors
/// [`CorpusError::NotFinite`]; [`CorpusError::Config`] for no buckets.
pub fn curriculum_order(
    scores: &[f32],
    curriculum: Curriculum,
    seed: u64,
) -> Result<Vec<usize>, CorpusError> {
    match curriculum {
        Curriculum::Ascending => ranked(scores, Order::Ascending),
        Curriculum::Descending => ranked(scores, Order::Descending),
        Curriculum::Buckets { count: 0 } => {
            Err(CorpusError::Config { key: "buckets", found: 0.0, expected: "at least 1" })
        }
        Curriculum::Buckets { count } => {
            let mut rows = ranked(scores, Order::Ascending)?;
            let len = rows.len();
            // More buckets than rows would be empty ones.
            let count = count.min(len.max(1));
            let start = |bucket: usize| (bucket as u128 * len as u128 / count as u128) as usize;
            for bucket in 0..count {
                let bounds = start(bucket)..start(bucket + 1);
                Seeded::of_item(seed, bucket as u64).shuffle(&mut rows[bounds]);
            }
            Ok(rows)
        }
        Curriculum::Sandwich => {
            let rows = ranked(scores, Order::Ascending)?;
            let up = rows.iter().step_by(2);
            let down = rows.iter().skip(1).step_by(2).rev();
            Ok(up.chain(down).copied().collect())
        }
    }
}
