//! Backward passes and the other steps of training, and the forward steps that only encoders need.
//!
//! Every function works on slices that the caller owns. Backward functions say whether they write
//! or add to their result. Attention works for several sequences packed one after another in one
//! batch, and no sequence sees another.
//!
//! Bodies are written once, in lanes of 16 with separate multiplications and additions, and
//! compiled for every level, so all levels give the same bits; only the products inside attention
//! differ. Sums have a fixed order that does not depend on the number of threads.

mod activation;
mod attention;
mod bias;
mod columns;
mod cross_entropy;
mod gated;
mod halves;
mod layer_norm;
mod lookup;
mod norm_backward;
mod rope;
mod rows;
#[cfg(test)]
mod tests;

pub use activation::{Activation, activation, activation_backward, bias_activation};
pub use attention::{
    AttentionMask, AttentionPrefix, AttentionScratch, AttentionShape, attention_backward,
    attention_forward, prefixed_attention_backward, prefixed_attention_forward,
};
pub use bias::add_bias;
pub use columns::{scale_columns, scale_columns_backward};
pub use cross_entropy::{cross_entropy, cross_entropy_loss};
pub use gated::{
    gated_columns_backward, gated_mul_backward, gated_mul_halves, gated_mul_halves_backward,
    gated_operand,
};
pub use halves::{round_to_bf16, round_to_halves, widen_halves};
pub(crate) use layer_norm::layer_norm_row;
pub use layer_norm::{bias_layer_norm, layer_norm, layer_norm_operand};
pub use lookup::lookup_backward;
pub use norm_backward::{bias_backward, norm_backward};
pub use rope::rope_backward;
pub use rows::{gather_rows, scale_rows, scale_rows_backward, softmax_backward, transpose};
