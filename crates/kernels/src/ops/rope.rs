//! Rotary position embedding.

use std::ops::Range;

use super::rope_spec::{RopeLayout, RopeSpec};
use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{Level, Pool, level, span};

/// `cos` and `sin` of every position and frequency, computed in f64 and rounded once.
///
/// Angle of pair `i` at position `p`: `p * frequency(i)`, see [`RopeSpec`]; both values are
/// multiplied by the specification's attention factor.
#[derive(Debug, Clone)]
pub struct RopeTable {
    head_dim: usize,
    first_rotary_dim: usize,
    rotary_dim: usize,
    layout: RopeLayout,
    max_positions: usize,
    /// `[position, 2, rotary_dim / 2]`: cosines, then sines.
    values: Vec<f32>,
}

impl RopeTable {
    /// The table for positions `0..max_positions`.
    ///
    /// # Panics
    /// If `head_dim` or `rotary_dim` is odd or zero, or `theta` is not positive: the loader checks them.
    pub fn new(spec: &RopeSpec, max_positions: usize) -> Self {
        let (frequencies, factor) = spec.frequencies(max_positions);
        let mut values = Vec::with_capacity(max_positions * spec.rotary_dim);
        for position in 0..max_positions {
            let angle = |f: &f64| position as f64 * f;
            values.extend(frequencies.iter().map(|f| (angle(f).cos() * factor) as f32));
            values.extend(frequencies.iter().map(|f| (angle(f).sin() * factor) as f32));
        }
        let RopeSpec { head_dim, first_rotary_dim, rotary_dim, layout, .. } = *spec;
        Self { head_dim, first_rotary_dim, rotary_dim, layout, max_positions, values }
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
    fn at(&self, position: u32) -> (&[f32], &[f32]) {
        let start = position as usize * self.rotary_dim;
        self.values[start..start + self.rotary_dim].split_at(self.rotary_dim / 2)
    }

    /// Turns the pairs of every head of a row by the angles of a position, or back.
    pub(crate) fn rotate_row(&self, level: Level, x_hd: &mut [f32], position: u32, back: bool) {
        let (cos, sin) = self.at(position);
        let sign = if back { -1.0 } else { 1.0 };
        for head in x_hd.chunks_exact_mut(self.head_dim) {
            let rotary = &mut head[self.first_rotary_dim..][..self.rotary_dim];
            match self.layout {
                RopeLayout::Halves => rotate_halves(level, rotary, cos, sin, sign),
                RopeLayout::Interleaved => rotate_pairs(level, rotary, cos, sin, sign),
            }
        }
    }
}

/// Rotates each head of each row by its position, in place.
///
/// `x1' = x1 cos - x2 sin`, `x2' = x2 cos + x1 sin` for each pair `x1`, `x2` that the table's layout
/// names; dimensions before and behind what is rotated stay as they are.
///
/// # Shapes
/// `x` has one row of `ldx` values per entry of `positions_t`; its first `heads * head_dim` values
/// are rotated. The last row may be shorter than `ldx`.
///
/// # Panics
/// If `x` is too short, or a position is beyond the table.
///
/// # Source
/// Su et al. 2021, arXiv:2104.09864, eq. 34.
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
            table.rotate_row(level, heads, positions_t[row], false);
        }
    };
    if rows * width < PARALLEL_FROM {
        rotate(0..rows);
    } else {
        pool.run(&|thread| rotate(span(rows, thread, pool.threads())));
    }
}

leveled! {
    fn rotate_halves(x: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        let (lower, upper) = x.split_at_mut(cos.len());
        for (((x1, x2), cos), sin) in lower.iter_mut().zip(upper).zip(cos).zip(sin) {
            let sin = sin * sign;
            (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
        }
    }
}

leveled! {
    fn rotate_pairs(x: &mut [f32], cos: &[f32], sin: &[f32], sign: f32) {
        for (([x1, x2], cos), sin) in x.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
            let sin = sin * sign;
            (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
        }
    }
}
