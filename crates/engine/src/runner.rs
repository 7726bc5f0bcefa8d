//! The model side of the engine.

use crate::capacity::{KvBudget, KvChoice, choose_kv_blocks};
use crate::error::{EngineError, NoAdapters, OtherModel, RunnerError};
use crate::logits::StepLogits;
use crate::scheduler::SchedulerLimits;
use crate::speculate::CostModel;
use catena_kernels::{KvCache, KvType, Pool};
use catena_model::{
    Adapter, AdapterId, AdapterSet, Decoder, KvGroup, LogitsFor, Scratch, SeqInput,
};
use std::sync::Arc;
use std::time::Instant;

/// Blocks for the layers that keep keys and values of the same positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockGroup {
    /// Blocks of the group's cache.
    pub num_blocks: usize,
    /// Positions that a row sees at most, its own included; all if `None`.
    pub sliding_window: Option<usize>,
}

/// A model with its KV cache: the only thing the engine knows about either.
///
/// **Invariant:** a row's logits depend on its own sequence's tokens only: not on the other rows
/// of the batch, nor on how the sequence was cut into batches.
pub trait Runner: Send {
    /// The groups of layers, in the order of a sequence's block tables.
    fn block_groups(&self) -> Vec<BlockGroup>;
    /// Tokens of the vocabulary, the width of a logits row.
    fn vocab_size(&self) -> usize;
    /// Positions the model was made for.
    fn max_positions(&self) -> usize;
    /// Runs a batch, writes its keys and values, and returns `[rows, v]` logits in order of `seqs`.
    ///
    /// In each layer the keys and values of all rows are written before any row attends, and rows
    /// run in order of `seqs`: a sequence may read blocks that an earlier one writes in this call.
    ///
    /// # Errors
    /// Whatever the model reports; the engine fails the requests of the batch with it.
    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError>;
    /// [`Runner::forward`], with what the runner knows of the logits beside: nothing by default.
    ///
    /// # Errors
    /// As there.
    fn run(&mut self, seqs: &[SeqInput<'_>]) -> Result<StepLogits<'_>, RunnerError> {
        Ok(StepLogits::of(self.forward(seqs)?))
    }
    /// Takes an adapter, with which sequences may then be run. Not called while a step runs; it
    /// should be quick.
    ///
    /// # Errors
    /// If the model has no adapters, as by default, or the adapter is another model's.
    fn load_adapter(&mut self, id: AdapterId, adapter: Arc<Adapter>) -> Result<(), RunnerError> {
        let _ = (id, adapter);
        Err(NoAdapters.into())
    }
    /// Gives up an adapter that no sequence runs with.
    fn drop_adapter(&mut self, id: AdapterId) {
        let _ = id;
    }
    /// The threads that run it, for what else there is to do between two steps; none by default.
    fn pool(&self) -> Option<Arc<Pool>> {
        None
    }
    /// Seconds of a step of `rows` single tokens: guessing ahead is weighed by it.
    fn step_cost(&self, rows: usize) -> f64 {
        CostModel::default().cost(rows)
    }
    /// Seconds that each token of a prompt takes.
    fn read_cost(&self) -> f64 {
        self.step_cost(1) * ASSUMED_READING
    }
}

/// Bytes of weights that a step of one token reads in a second, until steps were measured.
const ASSUMED_BANDWIDTH: f64 = 15e9;

/// Cost of a token of a prompt, as a share of a step of one token, until prompts were read.
const ASSUMED_READING: f64 = 0.25;
/// Rows of a step that says what reading costs.
const MANY: usize = 16;
/// Weight of a new measurement of it beside the older ones.
const FRESH: f64 = 0.3;

/// A decoder with its KV caches and buffers.
pub struct ModelRunner {
    decoder: Arc<Decoder>,
    kv: Vec<KvCache>,
    scratch: Scratch,
    adapters: AdapterSet,
    cost: CostModel,
    /// Seconds for each token of a prompt, once some were read.
    read_cost: Option<f64>,
}

impl ModelRunner {
    /// Gives `decoder` KV caches of `kv_type` within `budget` and buffers for steps of `limits`; the
    /// choice says how large they are and why.
    ///
    /// # Errors
    /// [`EngineError::KvCacheTooSmall`], [`EngineError::KvCache`].
    pub fn new(
        decoder: Arc<Decoder>,
        kv_type: KvType,
        budget: KvBudget,
        limits: SchedulerLimits,
    ) -> Result<(Self, KvChoice), EngineError> {
        let max_positions = decoder.config().max_position_embeddings;
        let groups = decoder.kv_groups();
        let choice = choose_kv_blocks(budget, groups, kv_type, limits, max_positions)?;
        let cache = |(group, &num_blocks): (&KvGroup, &usize)| {
            KvCache::new(group.shape, kv_type, num_blocks).map_err(EngineError::KvCache)
        };
        let kv = groups.iter().zip(&choice.num_blocks).map(cache).collect::<Result<_, _>>()?;
        let scratch = decoder.new_scratch(limits.max_batch_tokens);
        let adapters = AdapterSet::default();
        let cost = CostModel::assuming(decoder.bytes() as f64 / ASSUMED_BANDWIDTH);
        Ok((Self { decoder, kv, scratch, adapters, cost, read_cost: None }, choice))
    }
}

impl Runner for ModelRunner {
    fn block_groups(&self) -> Vec<BlockGroup> {
        let group = |(group, kv): (&KvGroup, &KvCache)| BlockGroup {
            num_blocks: kv.num_blocks(),
            sliding_window: group.sliding_window,
        };
        self.decoder.kv_groups().iter().zip(&self.kv).map(group).collect()
    }

    fn vocab_size(&self) -> usize {
        self.decoder.config().vocab_size
    }

    fn max_positions(&self) -> usize {
        self.decoder.max_tokens()
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        Ok(self.run(seqs)?.rows())
    }

    fn run(&mut self, seqs: &[SeqInput<'_>]) -> Result<StepLogits<'_>, RunnerError> {
        // Steps that read prompts have rows without logits and say little about single tokens.
        let num_rows = |seq: &SeqInput<'_>| seq.tokens.len();
        let decodes = seqs.iter().all(|seq| match seq.logits {
            LogitsFor::None => false,
            LogitsFor::Last => seq.tokens.len() == 1,
            LogitsFor::From(row) => row == 0,
        });
        let begin = Instant::now();
        let logits =
            self.decoder.forward_with(seqs, &self.adapters, &mut self.kv, &mut self.scratch)?;
        let (rows, seconds) =
            (seqs.iter().map(num_rows).sum::<usize>(), begin.elapsed().as_secs_f64());
        if decodes {
            self.cost.record(rows, seconds);
        } else if rows >= MANY {
            let each = seconds / rows as f64;
            let known = self.read_cost.get_or_insert(each);
            *known += FRESH * (each - *known);
        }
        Ok(StepLogits::with_maxima(logits.rows(), logits.maxima()))
    }

    fn load_adapter(&mut self, id: AdapterId, adapter: Arc<Adapter>) -> Result<(), RunnerError> {
        if !adapter.fits(self.decoder.config()) {
            return Err(OtherModel.into());
        }
        self.adapters.insert(id, adapter);
        self.scratch.make_room(&self.adapters);
        Ok(())
    }

    fn drop_adapter(&mut self, id: AdapterId) {
        self.adapters.remove(id);
    }

    fn pool(&self) -> Option<Arc<Pool>> {
        Some(Arc::clone(self.decoder.pool()))
    }

    fn step_cost(&self, rows: usize) -> f64 {
        self.cost.cost(rows)
    }

    fn read_cost(&self) -> f64 {
        self.read_cost.unwrap_or_else(|| self.cost.cost(1) * ASSUMED_READING)
    }
}
