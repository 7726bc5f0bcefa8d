//! The Gaussian error linear unit.

use crate::leveled::leveled;
use crate::math::erf;
use crate::{Pool, level};

/// `x = x / 2 * (1 + erf(x / sqrt(2)))`, elementwise and in place: BERT's exact form, not the tanh
/// one.
pub fn gelu_erf(pool: &Pool, x: &mut [f32]) {
    let level = level();
    if !x.is_empty() {
        pool.split_rows(x, 1, &|_, part| slice(level, part));
    }
}

leveled! {
    fn slice(x: &mut [f32]) {
        for value in x {
            *value = *value * 0.5 * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}
