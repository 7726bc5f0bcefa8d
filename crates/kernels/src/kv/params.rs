//! How a layer attends, and what.

use super::turn::Turn;

/// Queries, keys and values of the rows of a step, side by side as a product gives them.
#[derive(Clone, Copy)]
pub struct QkvRows<'a> {
    /// Row `i` is `values[i * width..]`: `num_heads * d` values of queries first.
    pub values: &'a [f32],
    /// How far rows are apart.
    pub width: usize,
    /// Query heads; a multiple of the key/value heads.
    pub num_heads: usize,
    /// Where in a row its `g * d` values of keys begin.
    pub key_column: usize,
    /// Where those of its values begin.
    pub value_column: usize,
    /// What becomes of queries and keys first.
    pub turn: Turn<'a>,
}

/// What differs between the attention of models, and of layers within one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttendParams {
    /// Factor of the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Number of keys that a row sees at most, its own being the last; all before it if `None`.
    pub sliding_window: Option<usize>,
    /// `cap` in `cap tanh(score / cap)`, which takes the place of the scaled score.
    ///
    /// # Source
    /// Bello et al. 2017, arXiv:1611.09940, section 3; Gemma 2, arXiv:2408.00118.
    pub logit_softcap: Option<f32>,
    /// Whether queries and weights stay f32 where an instruction would take them rounded to bf16, which
    /// is several times as fast: for models that are held in f32 so as to compare them.
    pub exact: bool,
}

impl AttendParams {
    /// Causal attention over all positions.
    pub fn causal(scale: f32) -> Self {
        Self { scale, sliding_window: None, logit_softcap: None, exact: false }
    }
}
