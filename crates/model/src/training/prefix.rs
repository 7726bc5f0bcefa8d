//! Learned keys and values before those of every sequence.

use std::ops::Range;

use catena_kernels::AttentionPrefix;

use super::error::TrainingError;
use super::grads::Grads;

/// How many keys and values are learnt.
///
/// They are neither normed nor rotated, and the tokens of a sequence count their positions from
/// behind them, as in PEFT.
///
/// # Source
/// Li and Liang 2021, arXiv:2101.00190, without the projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixConfig {
    /// Keys and values per layer.
    pub num_virtual_tokens: usize,
    /// Whether they begin as zero instead of normal.
    pub zero_init: bool,
    /// Seed of the first values.
    pub seed: u64,
}

impl PrefixConfig {
    pub(super) fn check(&self) -> Result<(), TrainingError> {
        if self.num_virtual_tokens > 0 {
            return Ok(());
        }
        Err(TrainingError::NotPositive { key: "num_virtual_tokens", value: "0".to_owned() })
    }
}

/// One layer's part of the prefix: `[tokens, layers, 2, g, d]` are the values of all.
pub(super) struct Prefix {
    /// Place of all layers' values.
    pub(super) all: Range<usize>,
    /// Where the layer's begin in a row.
    pub(super) first: usize,
    /// Values per token.
    pub(super) stride: usize,
    pub(super) tokens: usize,
}

impl Prefix {
    pub(super) fn get<'a>(&self, values: &'a [f32]) -> AttentionPrefix<'a> {
        let rows = &values[self.all.start + self.first..self.all.end];
        AttentionPrefix { rows, stride: self.stride, tokens: self.tokens }
    }

    pub(super) fn grad<'g>(&self, grads: &'g mut Grads) -> &'g mut [f32] {
        grads.of(&(self.all.start + self.first..self.all.end))
    }
}
