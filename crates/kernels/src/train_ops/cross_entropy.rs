//! Softmax cross-entropy against one target per row.

use crate::leveled::leveled;
use crate::math::{exp, fold, lane_max};
use crate::share::SharedMut;
use crate::{Pool, level};

/// Losses of rows of logits, which are replaced by the gradient of `sum(scale * loss)`.
///
/// `loss = ln(sum(exp(logits))) - logits[target]`; `dlogits = scale * (softmax(logits) -
/// onehot(target))`
///
/// The caller calls this for chunks of rows, so that the logits of a long batch never exist at
/// once.
///
/// # Shapes
/// `logits_tv` `[t, v]`; `targets_t`, `scales_t`, `losses_t` `[t]`.
///
/// # Panics
/// If the lengths disagree or a target is not below `v`: a caller's bug.
pub fn cross_entropy(
    pool: &Pool,
    logits_tv: &mut [f32],
    targets_t: &[u32],
    scales_t: &[f32],
    losses_t: &mut [f64],
) {
    assert_eq!(scales_t.len(), targets_t.len(), "scales and targets");
    rows(pool, logits_tv, targets_t, Some(scales_t), losses_t);
}

/// Losses only; the logits are overwritten with no meaning.
///
/// # Panics
/// As [`cross_entropy`].
pub fn cross_entropy_loss(
    pool: &Pool,
    logits_tv: &mut [f32],
    targets_t: &[u32],
    losses_t: &mut [f64],
) {
    rows(pool, logits_tv, targets_t, None, losses_t);
}

fn rows(
    pool: &Pool,
    logits_tv: &mut [f32],
    targets_t: &[u32],
    scales_t: Option<&[f32]>,
    losses_t: &mut [f64],
) {
    let (level, t) = (level(), targets_t.len());
    assert_eq!(losses_t.len(), t, "losses and targets");
    if t == 0 {
        return;
    }
    assert!(logits_tv.len().is_multiple_of(t), "{} logits for {t} targets", logits_tv.len());
    let v = logits_tv.len() / t;
    let losses = SharedMut::new(losses_t);
    pool.split_rows(logits_tv, v, &|rows, logits| {
        // SAFETY: the row ranges of different threads are disjoint.
        let losses = unsafe { losses.range(rows.clone()) };
        for ((row, i), loss) in logits.chunks_exact_mut(v).zip(rows).zip(losses) {
            let scale = scales_t.map(|scales| scales[i]);
            *loss = one_row(level, row, targets_t[i] as usize, scale);
        }
    });
}

leveled! {
    fn one_row(logits: &mut [f32], target: usize, grad_scale: Option<f32>) -> f64 {
        let own = logits[target];
        let max = lane_max(logits);
        let sum = exp_in_place(logits, max);
        if let Some(scale) = grad_scale {
            let factor = (f64::from(scale) / sum) as f32;
            for value in logits.iter_mut() {
                *value *= factor;
            }
            logits[target] -= scale;
        }
        sum.ln() + f64::from(max) - f64::from(own)
    }
}

/// Replaces values by `exp(value - max)` and returns their sum, in blocks so that long rows stay
/// exact.
#[inline(always)]
fn exp_in_place(values: &mut [f32], max: f32) -> f64 {
    let mut sum = 0.0;
    for block in values.chunks_mut(1024) {
        let mut lanes = [0.0f32; 16];
        let (chunks, rest) = block.as_chunks_mut::<16>();
        for chunk in chunks {
            for (value, lane) in chunk.iter_mut().zip(&mut lanes) {
                *value = exp(*value - max);
                *lane += *value;
            }
        }
        for (value, lane) in rest.iter_mut().zip(&mut lanes) {
            *value = exp(*value - max);
            *lane += *value;
        }
        sum += f64::from(fold(lanes));
    }
    sum
}
