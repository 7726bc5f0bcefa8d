//! LoRA training of the decoder: the forward and backward pass, written by hand.
//!
//! The base is frozen. Its matrices are packed twice, for `y = x W^T` and for `dx = dy W`, and no
//! gradient of them exists. Each adapted projection adds a low-rank pair:
//!
//! `y = x W^T + (lora_alpha / r) (x A^T) B^T`
//!
//! Trained values and their gradients are two flat vectors, in the order of [`TrainModel::params`],
//! under PEFT's names. Operands of products are bf16 (or f32, for goldens), everything else is f32.
//! Per layer the forward pass keeps the two residual states, queries, keys, values, the attention
//! output with its log-sum-exp, and gate and up; norms and activations are computed again on the
//! way back. The output head and the loss see supervised positions only, a chunk of rows at a time.
//!
//! **Invariants:** all activations are allocated when the model is made, for a fixed number of
//! tokens; sequences packed into one batch never see each other; gradients do not depend on the
//! number of threads.

mod attention;
mod batch;
mod buffers;
mod error;
mod head;
mod layer;
mod linear;
mod lora;
mod mlp;
mod model;
#[cfg(test)]
mod tests;

pub use batch::{LossSum, TrainBatch};
pub use error::TrainingError;
pub use lora::{LoraConfig, Param};
pub use model::TrainModel;
