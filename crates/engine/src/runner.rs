//! The model side of the engine.

use crate::error::RunnerError;

/// Tokens of one KV block.
pub const BLOCK_TOKENS: usize = 16;

/// The rows of one sequence in a batch.
#[derive(Clone, Copy, Debug)]
pub struct SeqInput<'a> {
    /// Tokens to run.
    pub tokens: &'a [u32],
    /// Position of the first of them in its sequence.
    pub start_pos: usize,
    /// Blocks that hold positions `0..start_pos + tokens.len()`, in order.
    pub block_table: &'a [u32],
    /// Which rows need logits.
    pub logits: LogitsFor,
}

/// Which of a sequence's rows need logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogitsFor {
    /// None: the middle of a prompt.
    None,
    /// The last one: a token is sampled from it.
    Last,
    /// From this row of `tokens` to the last: a prompt is scored.
    From(usize),
}

/// A model with its KV cache: the only thing the engine knows about either.
///
/// **Invariant:** a row's logits depend on its own sequence's tokens only: not on the other rows
/// of the batch, nor on how the sequence was cut into batches.
pub trait Runner: Send {
    /// Blocks of the KV cache.
    fn num_blocks(&self) -> usize;
    /// Tokens of the vocabulary, the width of a logits row.
    fn vocab_size(&self) -> usize;
    /// Positions the model was made for.
    fn max_positions(&self) -> usize;
    /// Runs a batch, writes its keys and values, and returns `[rows, v]` logits in order of `seqs`.
    ///
    /// # Errors
    /// Whatever the model reports; the engine fails the requests of the batch with it.
    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError>;
}
