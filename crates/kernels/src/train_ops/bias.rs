//! Biases of linear layers.

use crate::ops::add_values;
use crate::share::SharedMut;
use crate::{Pool, level, span};

/// Adds `bias_c` to the first values of every row of `x`; rows are `ldx` apart, the last may be
/// shorter than that.
///
/// # Panics
/// If a row is shorter than the bias: a caller's bug.
pub fn add_bias(pool: &Pool, x: &mut [f32], ldx: usize, bias_c: &[f32]) {
    let (level, c) = (level(), bias_c.len());
    assert!(ldx >= c && c > 0, "a bias of {c} for rows {ldx} apart");
    let rows = x.len().div_ceil(ldx);
    let x = SharedMut::new(x);
    pool.run(&|thread_idx| {
        for row in span(rows, thread_idx, pool.threads()) {
            // SAFETY: threads have different rows.
            let row = unsafe { x.range(row * ldx..row * ldx + c) };
            add_values(level, row, bias_c);
        }
    });
}
