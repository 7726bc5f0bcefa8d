//! How large the KV cache is, and why.

use crate::error::EngineError;
use catena_kernels::BLOCK_TOKENS;

/// Memory the KV cache takes unless told otherwise.
pub const DEFAULT_KV_CACHE_BYTES: u64 = 512 << 20;

/// What the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvBudget {
    /// The default memory, or less where that already holds every sequence at full length.
    #[default]
    Auto,
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
    /// Blocks to allocate.
    pub num_blocks: usize,
    /// One line for the user.
    pub reason: String,
}

/// Chooses the number of blocks for a model whose block takes `block_bytes`, with at most
/// `max_running` sequences of at most `max_positions` tokens.
///
/// # Errors
/// [`EngineError::KvCacheTooSmall`] if the budget does not hold a single block.
pub fn choose_kv_blocks(
    budget: KvBudget,
    block_bytes: u64,
    max_running: usize,
    max_positions: usize,
) -> Result<KvChoice, EngineError> {
    let useful = (max_running * max_positions.div_ceil(BLOCK_TOKENS)) as u64;
    let (num_blocks, why) = match budget {
        KvBudget::Auto => {
            let affordable = DEFAULT_KV_CACHE_BYTES / block_bytes;
            if affordable < useful {
                (affordable, "the default memory".to_owned())
            } else {
                (useful, format!("{max_running} sequences of {max_positions} tokens"))
            }
        }
        KvBudget::Bytes(bytes) => ((bytes / block_bytes).min(useful), "as configured".to_owned()),
        KvBudget::Sequences { count, tokens } => {
            let blocks = (count * tokens.div_ceil(BLOCK_TOKENS)) as u64;
            (blocks.min(useful), format!("{count} sequences of {tokens} tokens"))
        }
    };
    if num_blocks == 0 {
        let budget_bytes = match budget {
            KvBudget::Auto => DEFAULT_KV_CACHE_BYTES,
            KvBudget::Bytes(bytes) => bytes,
            KvBudget::Sequences { .. } => 0,
        };
        return Err(EngineError::KvCacheTooSmall { budget_bytes, block_bytes });
    }
    let num_blocks = usize::try_from(num_blocks).unwrap_or(usize::MAX);
    let tokens = num_blocks * BLOCK_TOKENS;
    let mib = (num_blocks as u64 * block_bytes) >> 20;
    let reason = format!("kv cache: {tokens} tokens in {num_blocks} blocks, {mib} MiB ({why})");
    Ok(KvChoice { num_blocks, reason })
}
