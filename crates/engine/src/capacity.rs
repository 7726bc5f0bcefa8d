//! How large the KV cache is, and why.

use crate::error::EngineError;
use crate::scheduler::SchedulerLimits;
use catena_kernels::{BLOCK_TOKENS, KvType};
use catena_model::KvGroup;

/// Share of the available memory that the KV cache may take unless told otherwise.
const DEFAULT_SHARE: u64 = 4;

/// What the user allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvBudget {
    /// A quarter of this many bytes, which the machine has free, or less where that already holds
    /// every sequence at full length.
    Available(u64),
    /// At most this many bytes.
    Bytes(u64),
    /// Enough for this many sequences of this many tokens each.
    Sequences {
        /// Sequences at once.
        count: usize,
        /// Tokens of each.
        tokens: usize,
    },
}

/// A size and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvChoice {
    /// Blocks to allocate for each group of layers.
    pub num_blocks: Vec<usize>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// One line for the user.
    pub reason: String,
}

/// Chooses the number of blocks for a model with these `groups` of layers, for steps of `limits` and
/// sequences of at most `max_positions` tokens.
///
/// Layers that see all positions get as many blocks as the budget holds; layers with a window get
/// no more than all running sequences can have in use.
///
/// # Errors
/// [`EngineError::KvCacheTooSmall`] if the budget does not hold a single block.
pub fn choose_kv_blocks(
    budget: KvBudget,
    groups: &[KvGroup],
    kv_type: KvType,
    limits: SchedulerLimits,
    max_positions: usize,
) -> Result<KvChoice, EngineError> {
    let count = limits.max_running;
    let useful = count * max_positions.div_ceil(BLOCK_TOKENS);
    let blocks_of = |group: &KvGroup, blocks: usize| match group.sliding_window {
        None => blocks,
        Some(window) => blocks.min(count * window_blocks(window, limits.max_batch_tokens)),
    };
    let bytes_of = |blocks: usize| -> u64 {
        let bytes = |group: &KvGroup| {
            group.shape.block_bytes(kv_type).saturating_mul(blocks_of(group, blocks) as u64)
        };
        groups.iter().map(bytes).fold(0, u64::saturating_add)
    };
    let holds = |bytes: u64| largest(useful, |blocks| bytes_of(blocks) <= bytes);
    let all = || format!("{count} sequences of {max_positions} tokens");
    let (blocks, why) = match budget {
        KvBudget::Available(free) => match holds(free / DEFAULT_SHARE) {
            blocks if blocks == useful => (blocks, all()),
            blocks => (blocks, format!("a quarter of the {} MiB available", free >> 20)),
        },
        KvBudget::Bytes(bytes) => (holds(bytes), "as configured".to_owned()),
        KvBudget::Sequences { count, tokens } => {
            let blocks = count * tokens.div_ceil(BLOCK_TOKENS);
            (blocks.min(useful), format!("{count} sequences of {tokens} tokens"))
        }
    };
    if blocks == 0 {
        let budget_bytes = match budget {
            KvBudget::Available(bytes) => bytes / DEFAULT_SHARE,
            KvBudget::Bytes(bytes) => bytes,
            KvBudget::Sequences { .. } => 0,
        };
        return Err(EngineError::KvCacheTooSmall { budget_bytes, block_bytes: bytes_of(1) });
    }
    let num_blocks = groups.iter().map(|group| blocks_of(group, blocks)).collect();
    let (tokens, mib) = (blocks * BLOCK_TOKENS, bytes_of(blocks) >> 20);
    let reason = format!("kv cache: {tokens} tokens in {blocks} blocks, {mib} MiB ({why})");
    Ok(KvChoice { num_blocks, bytes: bytes_of(blocks), reason })
}

/// Most blocks that one sequence holds at once in layers that see `window` positions: those that the
/// first row of a step still sees, those of the step's rows, and a part at either end.
pub(crate) fn window_blocks(window: usize, max_batch_tokens: usize) -> usize {
    window.saturating_add(max_batch_tokens).div_ceil(BLOCK_TOKENS) + 1
}

/// The largest number up to `limit` that `fits`, which smaller ones then do too.
fn largest(limit: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, limit);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
