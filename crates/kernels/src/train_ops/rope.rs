//! Backward of the rotary position embedding.

use crate::{Pool, RopeTable, level};

/// Rotates gradients back in place: the transpose of [`crate::rope`].
///
/// `x1' = x1 cos + x2 sin`, `x2' = x2 cos - x1 sin` for each pair `x1`, `x2` of the table.
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
            table.rotate_row(level, row, position, true);
        }
    });
}
