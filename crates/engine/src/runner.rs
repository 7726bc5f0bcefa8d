//! The model side of the engine.

use crate::capacity::{KvBudget, KvChoice, choose_kv_blocks};
use crate::error::{EngineError, RunnerError};
use crate::scheduler::SchedulerLimits;
use catena_kernels::{KvCache, KvType};
use catena_model::{Decoder, Scratch, SeqInput};
use std::sync::Arc;

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

/// A decoder with its KV cache and buffers.
pub struct ModelRunner {
    decoder: Arc<Decoder>,
    kv_cache: KvCache,
    scratch: Scratch,
}

impl ModelRunner {
    /// Gives `decoder` a KV cache of `kv_type` within `budget` and buffers for steps of `limits`; the
    /// choice says how large the cache is and why.
    ///
    /// # Errors
    /// [`EngineError::KvCacheTooSmall`], [`EngineError::KvCache`].
    pub fn new(
        decoder: Arc<Decoder>,
        kv_type: KvType,
        budget: KvBudget,
        limits: SchedulerLimits,
    ) -> Result<(Self, KvChoice), EngineError> {
        let shape = decoder.kv_shape();
        let max_positions = decoder.config().max_position_embeddings;
        let block_bytes = shape.block_bytes(kv_type);
        let choice = choose_kv_blocks(budget, block_bytes, limits.max_running, max_positions)?;
        let kv_cache =
            KvCache::new(shape, kv_type, choice.num_blocks).map_err(EngineError::KvCache)?;
        let scratch = decoder.new_scratch(limits.max_batch_tokens);
        Ok((Self { decoder, kv_cache, scratch }, choice))
    }
}

impl Runner for ModelRunner {
    fn num_blocks(&self) -> usize {
        self.kv_cache.num_blocks()
    }

    fn vocab_size(&self) -> usize {
        self.decoder.config().vocab_size
    }

    fn max_positions(&self) -> usize {
        self.decoder.config().max_position_embeddings
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        let logits = self.decoder.forward(seqs, &mut self.kv_cache, &mut self.scratch)?;
        Ok(logits.into_rows())
    }
}
