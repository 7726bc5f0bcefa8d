//! The small steps between the products: norms, rotary positions, gates, and reading logits.
//!
//! Bodies are written once, in 16 lanes with separate multiplications and additions, and compiled
//! for every level; all levels give the same bits. Rows are independent.

mod elementwise;
mod logits;
mod norm;
mod rope;
mod rope_spec;

#[cfg(test)]
mod rope_tests;
#[cfg(test)]
mod tests;

pub use elementwise::{Gate, activate, add, add_scaled, gated_mul, scale, softcap};
pub(crate) use elementwise::{activation_values, add_values, gate_values, scale_values};
pub use logits::{
    LOGITS_BLOCK, LogitsFinish, argmax, block_maxima, block_weights, finish_logits,
    largest_of_blocks, log_softmax_at, softmax_weights,
};
pub(crate) use norm::groups_of_row;
pub use norm::{RowNorm, rms_norm, rms_norm_groups, rms_norm_operand};
pub use rope::{RopeTable, rope};
pub use rope_spec::{RopeLayout, RopeScaling, RopeSpec};
