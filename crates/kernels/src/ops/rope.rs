//! Rotary position embedding.

use std::ops::Range;

use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{Level, Pool, level, span};

/// `cos` and `sin` of every position and frequency, computed in f64 and rounded once.
///
/// Angle of pair `i` at position `p`: `p * theta^(-2 i / head_dim)`.
#[derive(Debug, Clone)]
pub struct RopeTable {
    head_dim: usize,
    max_positions: usize,
    /// `[position, 2, head_dim / 2]`: cosines, then sines.
    values: Vec<f32>,
}

impl RopeTable {
    /// The table for positions `0..max_positions`.
    ///
    /// # Panics
    /// If `head_dim` is odd or zero, or `theta` is not positive: the loader checks them.
    pub fn new(head_dim: usize, theta: f32, max_positions: usize) -> Self {
        assert!(head_dim > 0 && head_dim.is_multiple_of(2), "rope over {head_dim} dimensions");
        assert!(theta > 0.0, "rope with base {theta}");
        let half = head_dim / 2;
        let frequency = |i: usize| (theta as f64).powf(-2.0 * i as f64 / head_dim as f64);
        let frequencies: Vec<f64> = (0..half).map(frequency).collect();
        let mut values = Vec::with_capacity(max_positions * head_dim);
        for position in 0..max_positions {
            let angle = |f: &f64| position as f64 * f;
            values.extend(frequencies.iter().map(|f| angle(f).cos() as f32));
            values.extend(frequencies.iter().map(|f| angle(f).sin() as f32));
        }
        Self { head_dim, max_positions, values }
    }

    /// Dimensions of the heads it rotates.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Number of positions it knows.
    pub fn max_positions(&self) -> usize {
        self.max_positions
    }

    #[inline(always)]
    pub(crate) fn at(&self, position: u32) -> (&[f32], &[f32]) {
        let start = position as usize * self.head_dim;
        self.values[start..start + self.head_dim].split_at(self.head_dim / 2)
    }
}

/// Rotates each head of each row by its position, in place.
///
/// With `x1`, `x2` the lower and upper half of a head: `x1' = x1 cos - x2 sin`,
/// `x2' = x2 cos + x1 sin` ("rotate half" order, as in Hugging Face weights).
///
/// # Shapes
/// `x` has one row of `ldx` values per entry of `positions_t`; its first `heads * head_dim` values
/// are rotated. The last row may be shorter than `ldx`.
///
/// # Panics
/// If `x` is too short, or a position is beyond the table.
///
/// # Source
/// Su et al. 2021, arXiv:2104.09864, eq. 34, with the pairing of GPT-NeoX.
pub fn rope(
    pool: &Pool,
    x: &mut [f32],
    ldx: usize,
    heads: usize,
    positions_t: &[u32],
    table: &RopeTable,
) {
    rope_at(level(), pool, x, ldx, heads, positions_t, table);
}

pub(super) fn rope_at(
    level: Level,
    pool: &Pool,
    x: &mut [f32],
    ldx: usize,
    heads: usize,
    positions_t: &[u32],
    table: &RopeTable,
) {
    let (rows, width) = (positions_t.len(), heads * table.head_dim);
    if rows == 0 || heads == 0 {
        return;
    }
    let needed = (rows - 1) * ldx + width;
    assert!(ldx >= width && x.len() >= needed, "{} values, rope needs {needed}", x.len());
    let farthest = positions_t.iter().copied().fold(0, u32::max) as usize;
    assert!(
        farthest < table.max_positions,
        "position {farthest} of {} in the rope table",
        table.max_positions
    );
    let x = SharedMut::new(x);
    let rotate = |mine: Range<usize>| {
        for row in mine {
            // SAFETY: rows are disjoint because `ldx >= width`, and each is visited by one thread.
            let heads = unsafe { x.range(row * ldx..row * ldx + width) };
            rotate_row(level, heads, positions_t[row], table);
        }
    };
    if rows * width < PARALLEL_FROM {
        rotate(0..rows);
    } else {
        pool.run(&|thread| rotate(span(rows, thread, pool.threads())));
    }
}

leveled! {
    fn rotate_row(x_hd: &mut [f32], position: u32, table: &RopeTable) {
        let (cos, sin) = table.at(position);
        for head in x_hd.chunks_exact_mut(table.head_dim) {
            let (lower, upper) = head.split_at_mut(table.head_dim / 2);
            for (((x1, x2), cos), sin) in lower.iter_mut().zip(upper).zip(cos).zip(sin) {
                (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
            }
        }
    }
}
