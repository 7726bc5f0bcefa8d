//! Vectors of length 1, for models whose files scale what they give.

use super::vectors::{UnitRows, num_rows};
use crate::loss::result::{narrow, wide};

/// Vectors scaled to length 1, with the way back.
pub struct UnitVectors {
    rows: UnitRows,
    vectors_bc: Vec<f32>,
}

impl UnitVectors {
    /// Scales the rows of `vectors_bc`, `[b, c]`.
    ///
    /// # Panics
    /// If there is not a whole number of rows: a caller's bug.
    pub fn new(vectors_bc: &[f32], c: usize) -> Self {
        num_rows(vectors_bc, c);
        let rows = UnitRows::new(&wide(vectors_bc), c);
        let vectors_bc = narrow(&rows.rows);
        Self { rows, vectors_bc }
    }

    /// The scaled rows.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors_bc
    }

    /// From the gradient by the scaled rows to that by the rows as given.
    pub fn backward(&self, grad_bc: &[f32]) -> Vec<f32> {
        let mut grad = wide(grad_bc);
        self.rows.backward(&mut grad);
        narrow(&grad)
    }
}
