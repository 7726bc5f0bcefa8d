//! Biases of linear layers.

use crate::leveled::leveled;
use crate::{Pool, level};

/// `x_tc += bias_c` in every row.
///
/// # Panics
/// If `x_tc.len()` is not a multiple of `bias_c.len()`: a caller's bug.
pub fn add_bias(pool: &Pool, x_tc: &mut [f32], bias_c: &[f32]) {
    let level = level();
    if x_tc.is_empty() {
        return;
    }
    pool.split_rows(x_tc, bias_c.len(), &|_, part| rows(level, part, bias_c));
}

leveled! {
    fn rows(x: &mut [f32], bias: &[f32]) {
        for row in x.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    }
}
