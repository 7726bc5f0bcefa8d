//! Logits of a step, and what is known of them.

use catena_kernels::{LOGITS_BLOCK, argmax, largest_of_blocks};

/// The logits of a step's rows, in order of its sequences.
#[derive(Clone, Copy, Debug)]
pub struct StepLogits<'a> {
    rows_tv: &'a [f32],
    maxima: Option<&'a [f32]>,
}

/// One row of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogitsRow<'a> {
    pub(crate) logits_v: &'a [f32],
    /// The largest of each block, if that is known.
    pub(crate) maxima: Option<&'a [f32]>,
}

impl<'a> StepLogits<'a> {
    /// Logits `[t, v]` of which nothing else is known.
    pub fn of(rows_tv: &'a [f32]) -> Self {
        Self { rows_tv, maxima: None }
    }

    /// Logits `[t, v]` with the largest of each block of [`LOGITS_BLOCK`] of every row.
    pub fn with_maxima(rows_tv: &'a [f32], maxima: &'a [f32]) -> Self {
        Self { rows_tv, maxima: Some(maxima) }
    }

    /// All rows.
    pub(crate) fn rows(self) -> &'a [f32] {
        self.rows_tv
    }

    /// A row of `v` logits.
    pub(crate) fn row(self, row: usize, v: usize) -> LogitsRow<'a> {
        let blocks = v.div_ceil(LOGITS_BLOCK);
        LogitsRow {
            logits_v: &self.rows_tv[row * v..(row + 1) * v],
            maxima: self.maxima.map(|maxima| &maxima[row * blocks..(row + 1) * blocks]),
        }
    }
}

impl LogitsRow<'_> {
    /// The token with the largest logit, of equal ones the first.
    pub(crate) fn argmax(self) -> u32 {
        match self.maxima {
            Some(maxima) => largest_of_blocks(self.logits_v, maxima),
            None => argmax(self.logits_v),
        }
    }
}

impl<'a> From<&'a [f32]> for LogitsRow<'a> {
    fn from(logits_v: &'a [f32]) -> Self {
        Self { logits_v, maxima: None }
    }
}
