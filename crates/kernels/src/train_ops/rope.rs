//! Backward of the rotary position embedding.

use crate::leveled::leveled;
use crate::{Pool, RopeTable, level};

/// Rotates gradients back in place: the transpose of [`crate::rope`].
///
/// `x1' = x1 cos + x2 sin`, `x2' = x2 cos - x1 sin` for the halves `x1`, `x2` of each head.
///
/// # Shapes
/// `dx_thd` `[t, heads, d]`, one entry of `positions_t` per row.
///
/// # Panics
/// If the lengths disagree, or a position is beyond the table: a caller's bug.
pub fn rope_backward(pool: &Pool, dx_thd: &mut [f32], positions_t: &[u32], table: &RopeTable) {
    let (level, t) = (level(), positions_t.len());
    if t == 0 {
        return;
    }
    assert!(dx_thd.len().is_multiple_of(t), "{} gradients of {t} rows", dx_thd.len());
    pool.split_rows(dx_thd, dx_thd.len() / t, &|rows, part| {
        let width = part.len() / rows.len();
        for (row, &position) in part.chunks_exact_mut(width).zip(&positions_t[rows]) {
            let (cos, sin) = table.at(position);
            for head in row.chunks_exact_mut(table.head_dim()) {
                rotate_back(level, head, cos, sin);
            }
        }
    });
}

leveled! {
    fn rotate_back(head: &mut [f32], cos: &[f32], sin: &[f32]) {
        let (lower, upper) = head.split_at_mut(cos.len());
        for (((x1, x2), cos), sin) in lower.iter_mut().zip(upper).zip(cos).zip(sin) {
            let (a, b) = (*x1, *x2);
            *x1 = a * cos + b * sin;
            *x2 = b * cos - a * sin;
        }
    }
}
