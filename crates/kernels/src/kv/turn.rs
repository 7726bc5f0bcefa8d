//! What becomes of queries and keys between the product that makes them and attention.

use super::cache::{KvShape, SeqSpan};
use crate::ops::groups_of_row;
use crate::{Level, RopeTable};

/// What becomes of each head of queries and keys before keys are stored and scores computed.
#[derive(Clone, Copy, Default)]
pub struct Turn<'a> {
    /// First each is normed by itself.
    pub norms: Option<HeadNorms<'a>>,
    /// Then it is rotated by its position.
    pub rope: Option<&'a RopeTable>,
}

/// Root mean square norms of single heads.
#[derive(Clone, Copy, Debug)]
pub struct HeadNorms<'a> {
    /// Gains of queries.
    pub q_gain_d: &'a [f32],
    /// Gains of keys.
    pub k_gain_d: &'a [f32],
    /// Added under the root.
    pub eps: f32,
}

impl Turn<'_> {
    /// Whether heads stay as they are.
    pub(super) fn is_none(&self) -> bool {
        self.norms.is_none() && self.rope.is_none()
    }

    /// # Panics
    /// If it is for heads of another width, or a position is beyond the table.
    pub(super) fn check(&self, shape: KvShape, seqs: &[SeqSpan<'_>]) {
        let d = shape.head_dim;
        if let Some(HeadNorms { q_gain_d, k_gain_d, .. }) = self.norms {
            let lens = (q_gain_d.len(), k_gain_d.len());
            assert!(lens == (d, d), "gains of {lens:?} for heads of {d}");
        }
        if let Some(rope) = self.rope {
            assert!(rope.head_dim() == d, "a rope table of {} for {d}", rope.head_dim());
            let end = seqs.iter().map(SeqSpan::end_pos).fold(0, usize::max);
            let known = rope.max_positions();
            assert!(end <= known, "{end} positions of {known} in the rope table");
        }
    }

    /// Turns a query head at a position.
    pub(super) fn query(&self, level: Level, q_d: &mut [f32], position: usize) {
        self.head(level, q_d, self.norms.map(|norms| (norms.q_gain_d, norms.eps)), position);
    }

    /// Turns a key head at a position.
    pub(super) fn key(&self, level: Level, k_d: &mut [f32], position: usize) {
        self.head(level, k_d, self.norms.map(|norms| (norms.k_gain_d, norms.eps)), position);
    }

    fn head(&self, level: Level, x_d: &mut [f32], norm: Option<(&[f32], f32)>, position: usize) {
        if let Some((gain_d, eps)) = norm {
            groups_of_row(level, x_d, gain_d, eps);
        }
        if let Some(rope) = self.rope {
            rope.rotate_row(level, x_d, position as u32, false);
        }
    }
}
