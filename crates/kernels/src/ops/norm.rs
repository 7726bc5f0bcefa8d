//! Root mean square norm.

use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::{Level, Pool, level};

/// Scales each row to unit root mean square, then by a learned gain.
///
/// `y = x / sqrt(mean(x^2) + eps) * gain`
///
/// # Shapes
/// `x_tc` and `out_tc` `[t, c]`; `gain_c` `[c]`. Sums are f32 in 16 lanes, folded pairwise.
///
/// # Panics
/// If `x_tc` is not whole rows of `gain_c.len()`, or `out_tc` differs in length.
///
/// # Source
/// Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. We add `eps` inside the root, as the Llama
/// reference code does.
pub fn rms_norm(pool: &Pool, x_tc: &[f32], gain_c: &[f32], eps: f32, out_tc: &mut [f32]) {
    rms_norm_at(level(), pool, x_tc, gain_c, eps, out_tc);
}

pub(super) fn rms_norm_at(
    level: Level,
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    eps: f32,
    out_tc: &mut [f32],
) {
    let c = gain_c.len();
    assert!(x_tc.len() == out_tc.len(), "{} inputs, {} outputs", x_tc.len(), out_tc.len());
    if x_tc.len() < PARALLEL_FROM {
        assert!(c > 0 && x_tc.len().is_multiple_of(c), "{} in rows of {c}", x_tc.len());
        return rows(level, x_tc, gain_c, eps, out_tc);
    }
    pool.split_rows(out_tc, c, &|range, out| {
        rows(level, &x_tc[range.start * c..range.end * c], gain_c, eps, out);
    });
}

leveled! {
    fn rows(x_tc: &[f32], gain_c: &[f32], eps: f32, out_tc: &mut [f32]) {
        let c = gain_c.len();
        for (x, out) in x_tc.chunks_exact(c).zip(out_tc.chunks_exact_mut(c)) {
            let scale = 1.0 / (sum_of_squares(x) / c as f32 + eps).sqrt();
            for ((out, x), gain) in out.iter_mut().zip(x).zip(gain_c) {
                *out = x * scale * gain;
            }
        }
    }
}

#[inline(always)]
fn sum_of_squares(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane += v * v;
    }
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}
