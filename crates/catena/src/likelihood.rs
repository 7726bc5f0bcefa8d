//! How probable a language model finds texts.

use crate::models::{BoxError, LanguageModel, Numerics};
use catena_kernels::{BLOCK_TOKENS, KvCache, Pool, log_softmax_at};
use catena_model::{Decoder, KvGroup, LogitsFor, Scratch, SeqInput};
use std::sync::Arc;

/// A decoder with the memory for one window of tokens.
pub(crate) struct Likelihood {
    decoder: Decoder,
    kv: Vec<KvCache>,
    block_tables: Vec<Vec<u32>>,
    scratch: Scratch,
}

impl Likelihood {
    /// Loads the weights of `model`, for windows of up to `window` tokens.
    pub(crate) fn load(
        model: &LanguageModel,
        numerics: Numerics,
        window: usize,
        pool: Arc<Pool>,
    ) -> Result<Self, BoxError> {
        let decoder = Decoder::load_with(&model.checkpoint, pool, numerics.load_options())?;
        let num_blocks = window.div_ceil(BLOCK_TOKENS);
        let cache = |group: &KvGroup| KvCache::new(group.shape, numerics.kv_type, num_blocks);
        let kv = decoder.kv_groups().iter().map(cache).collect::<Result<Vec<_>, _>>()?;
        let block_tables = vec![(0..).take(num_blocks).collect(); kv.len()];
        let scratch = decoder.new_scratch(window);
        Ok(Self { decoder, kv, block_tables, scratch })
    }

    /// `sum over i > first of log p(token i | tokens before it)`.
    pub(crate) fn log_prob(&mut self, tokens: &[u32], first: usize) -> Result<f64, BoxError> {
        let logits = LogitsFor::From(first);
        let block_tables = &self.block_tables;
        let seq = SeqInput { tokens, start_pos: 0, block_tables, logits, adapter: None };
        let rows = self.decoder.forward(&[seq], &mut self.kv, &mut self.scratch)?;
        let predicted = tokens[first + 1..].iter().enumerate();
        Ok(predicted.map(|(row, &token)| f64::from(log_softmax_at(rows.row(row), token))).sum())
    }
}
