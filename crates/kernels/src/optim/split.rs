//! Splitting flat vectors among threads.

use crate::Pool;
use crate::pool::PARALLEL_FROM;
use std::ops::Range;

/// Gives every thread one part of `values`; few values stay on the caller.
pub(super) fn split(
    pool: &Pool,
    values: &mut [f32],
    job: &(dyn Fn(Range<usize>, &mut [f32]) + Sync),
) {
    split_rows(pool, values.len(), values, 1, job);
}

/// As [`Pool::split_rows`], on the caller alone when the whole job is about fewer than
/// [`PARALLEL_FROM`] values.
pub(super) fn split_rows<T: Send>(
    pool: &Pool,
    work: usize,
    out: &mut [T],
    row_len: usize,
    job: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
) {
    if out.is_empty() {
        return;
    }
    if work < PARALLEL_FROM {
        job(0..out.len() / row_len, out);
    } else {
        pool.split_rows(out, row_len, job);
    }
}
