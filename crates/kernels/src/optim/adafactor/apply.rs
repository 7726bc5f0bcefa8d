//! The last pass: clip, scale, and move the values.

use super::directions::{Directions, InverseRoots};
use crate::leveled::leveled;
use crate::optim::split::split_rows;
use crate::share::SharedMut;
use crate::{Pool, level};

/// Constants of the last pass.
#[derive(Clone, Copy)]
pub(super) struct Update {
    pub(super) divisor: f32,
    pub(super) learning_rate: f32,
    pub(super) keep: f32,
    pub(super) beta1: f32,
    pub(super) rest1: f32,
    pub(super) grad_scale: f32,
}

impl Update {
    /// The new value, and the new first moment if `moment` is one.
    #[inline(always)]
    fn value(&self, value: f32, direction: f32, moment: Option<&mut f32>) -> f32 {
        let mut step = direction / self.divisor * self.learning_rate;
        if let Some(moment) = moment {
            *moment = self.beta1 * *moment + self.rest1 * step;
            step = *moment;
        }
        value * self.keep - step
    }
}

pub(super) fn apply(
    pool: &Pool,
    update: Update,
    values: &mut [f32],
    grads: &[f32],
    directions: &Directions<'_>,
    first_moment: Option<&mut [f32]>,
) {
    let level = level();
    let moment = first_moment.map(|moment| {
        assert_eq!(moment.len(), grads.len(), "values and first moments");
        SharedMut::new(moment)
    });
    let (work, width) = match directions.inverse_roots {
        InverseRoots::Factored { shape, .. } => (values.len(), shape.cols),
        InverseRoots::Full(_) => (values.len(), 1),
    };
    split_rows(pool, work, values, width, &|part, values| {
        let range = part.start * width..part.end * width;
        let grads = &grads[range.clone()];
        // SAFETY: the parts of different threads are disjoint.
        let mut moment = moment.map(|moment| unsafe { moment.range(range.clone()) });
        match directions.inverse_roots {
            InverseRoots::Full(full) => {
                apply_full(level, update, values, grads, &full[range], moment);
            }
            InverseRoots::Factored { shape, rows, cols } => {
                for (i, row) in part.enumerate() {
                    let at = i * width..(i + 1) * width;
                    let cols = &cols[row / shape.rows * width..][..width];
                    let moment = moment.as_deref_mut().map(|moment| &mut moment[at.clone()]);
                    let grads = &grads[at.clone()];
                    apply_row(level, update, &mut values[at], grads, rows[row], cols, moment);
                }
            }
        }
    });
}

leveled! {
    fn apply_row(
        update: Update,
        values: &mut [f32],
        grads: &[f32],
        row: f32,
        cols: &[f32],
        moment: Option<&mut [f32]>,
    ) {
        let direction = |i: usize| (row * cols[i]) * (grads[i] * update.grad_scale);
        apply_each(update, values, direction, moment);
    }
}

leveled! {
    fn apply_full(
        update: Update,
        values: &mut [f32],
        grads: &[f32],
        full: &[f32],
        moment: Option<&mut [f32]>,
    ) {
        let direction = |i: usize| 1.0 / full[i].sqrt() * (grads[i] * update.grad_scale);
        apply_each(update, values, direction, moment);
    }
}

#[inline(always)]
fn apply_each(
    update: Update,
    values: &mut [f32],
    direction: impl Fn(usize) -> f32,
    moment: Option<&mut [f32]>,
) {
    match moment {
        None => {
            for (i, value) in values.iter_mut().enumerate() {
                *value = update.value(*value, direction(i), None);
            }
        }
        Some(moment) => {
            for (i, (value, moment)) in values.iter_mut().zip(moment).enumerate() {
                *value = update.value(*value, direction(i), Some(moment));
            }
        }
    }
}
