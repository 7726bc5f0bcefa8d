//! Backward of the look-up of rows in a table.

use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level, span};

/// Adds each gradient to the row of the table that was looked up.
///
/// `dtable[rows[i]] += scale * dx[i]`. Threads take columns, so a row that was looked up often is
/// summed in the order of the batch, whatever their number.
///
/// # Shapes
/// `dx_tc` `[t, c]` for the `t` entries of `rows_t`; `dtable` holds rows of `c`.
///
/// # Panics
/// If the lengths disagree or a row is beyond the table: a caller's bug.
pub fn lookup_backward(pool: &Pool, rows_t: &[u32], dx_tc: &[f32], scale: f32, dtable: &mut [f32]) {
    if rows_t.is_empty() {
        return;
    }
    let (level, c) = (level(), dx_tc.len() / rows_t.len());
    assert_eq!(dx_tc.len(), rows_t.len() * c, "gradients of {} rows", rows_t.len());
    let dtable = SharedMut::new(dtable);
    pool.run(&|thread_idx| {
        let lines = span(c.div_ceil(16), thread_idx, pool.threads());
        let columns = lines.start * 16..c.min(lines.end * 16);
        if columns.is_empty() {
            return;
        }
        for (&row, dx) in rows_t.iter().zip(dx_tc.chunks_exact(c)) {
            let start = row as usize * c;
            // SAFETY: threads have different columns.
            let out = unsafe { dtable.range(start + columns.start..start + columns.end) };
            add_scaled_row(level, &dx[columns.clone()], scale, out);
        }
    });
}

leveled! {
    fn add_scaled_row(row: &[f32], scale: f32, out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(row) {
            *out += scale * value;
        }
    }
}
