//! The norm of a vector.

use super::split::split_rows;
use crate::leveled::leveled;
use crate::{Pool, level};

/// Values per partial sum.
const BLOCK: usize = 4096;

/// Sum of squares in f64, in blocks of fixed size: the same bits for any number of threads.
pub fn sum_of_squares(pool: &Pool, values: &[f32]) -> f64 {
    sum_of_squares_in(pool, values, &mut vec![0.0; num_square_sums(values.len())])
}

/// Partial sums that [`sum_of_squares_in`] needs for `len` values.
pub fn num_square_sums(len: usize) -> usize {
    len.div_ceil(BLOCK)
}

/// [`sum_of_squares`] with the caller's memory for the partial sums.
///
/// # Panics
/// If `sums` is shorter than [`num_square_sums`] says.
pub fn sum_of_squares_in(pool: &Pool, values: &[f32], sums: &mut [f64]) -> f64 {
    let level = level();
    let sums = &mut sums[..num_square_sums(values.len())];
    split_rows(pool, values.len(), sums, 1, &|blocks, sums| {
        for (block, sum) in blocks.zip(sums) {
            let end = values.len().min((block + 1) * BLOCK);
            *sum = block_sum(level, &values[block * BLOCK..end]);
        }
    });
    sums.iter().sum()
}

leveled! {
    fn block_sum(values: &[f32]) -> f64 {
        let mut lanes = [0.0f64; 8];
        let (chunks, rest) = values.as_chunks::<8>();
        for chunk in chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        for (lane, &value) in lanes.iter_mut().zip(rest) {
            *lane += f64::from(value) * f64::from(value);
        }
        lanes.iter().sum()
    }
}
