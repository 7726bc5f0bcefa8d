//! Training: the forward and backward pass of all trunks, written by hand.
//!
//! What a model computes is described by a [`spec::Spec`], whatever family and files it comes from.
//! [`Method`] says which values are trained: the model's own, or, beside frozen weights,
//!
//! | method | what a projection gives |
//! |---|---|
//! | LoRA | `y = x W^T + s (x A^T) B^T` |
//! | DoRA | `y = m / norm(W + s B A) * (x W^T + s (x A^T) B^T)`, norms of rows |
//! | PiSSA | as LoRA; `s B A` begins as the principal part of `W`, and the rest of `W` is frozen |
//! | IA3 | `y = l * (x W^T)` or `y = (l * x) W^T` |
//! | prefix tuning | the same; learned keys and values stand before those of every sequence |
//!
//! [`TrainModel::adapter`] gives what is trained in PEFT's form, and [`TrainModel::set_adapter`]
//! begins with it again.
//!
//! A frozen matrix has one copy, in bf16 or in the blocks of its file, and a trained one is a part
//! of the flat vector of values; panels for either direction are made while they are multiplied
//! ([`catena_kernels::WeightRef`]). No gradient of a frozen weight exists. Values and gradients are
//! two flat vectors in the order of [`TrainModel::params`].
//!
//! Keys and values of latent attention are made for every head, and [`TrainModel::tensors`] gives
//! their matrix in the two that decoding has.
//!
//! Experts are chosen as in decoding, and the choice is a constant to the gradient; what stands
//! beside the projections of an expert sees its rows only. A loss balances experts if a batch asks for
//! it ([`TrainBatch::router_loss`]).
//!
//! Operands of products are of [`TrainOptions::dtype`], but for those of routers; they and everything
//! else are f32. A layer keeps its input; what else its backward pass needs it keeps too, or computes
//! again ([`Recompute`]): the same operations in the same order, so the result is the same bits. What
//! is an operand of bf16 products, or becomes one by an activation, is rounded once and kept in two
//! bytes; norms and what an activation gives are always computed again. The output head and the loss
//! see supervised positions only, a chunk of rows at a time. Layers and that head work in one memory
//! in turn.
//!
//! The way back is a walk over parts: the head, layers from the top, and the tables
//! ([`TrainModel::next_gradients`]). It is made at once, or, with
//! [`TrainOptions::optimizer_in_backward`], as somebody takes the gradient of one part after another:
//! what is changed then is read by nobody any more, so the values are the same bits, and gradients of
//! the largest layer and of the tables are all that exist.
//!
//! **Invariants:** all activations are allocated when the model is made, for a fixed number of
//! tokens; sequences packed into one batch never see each other; gradients do not depend on the
//! number of threads.

mod adapters;
mod attention;
mod back;
mod balance;
mod batch;
mod buffers;
mod dora;
mod embedding;
mod encoder_spec;
mod error;
mod experts;
mod grads;
mod head;
mod heads;
mod ia3;
mod latent;
mod latent_weights;
mod layer;
mod linear;
mod load;
mod load_attention;
mod load_mlp;
mod lora;
mod lora_config;
mod matrix;
mod memory;
mod method;
mod mlp;
mod model;
mod names;
mod norm;
mod options;
mod params;
mod pass;
mod pissa;
mod prefix;
mod qkv;
mod room;
mod saving;
mod shared;
mod source;
mod spec;
mod svd;
mod task;
mod task_head;
#[cfg(test)]
mod tests;

pub use back::GradientPart;
pub use batch::{LossSum, TrainBatch};
pub use error::TrainingError;
pub use ia3::Ia3Config;
pub use lora_config::{LoraConfig, LoraInit, LoraSettings};
pub use memory::{TrainMemory, TrainPlan};
pub use method::{FreezeConfig, Method};
pub use model::TrainModel;
pub use options::{LayerSet, Recompute, TrainOptions};
pub use params::{Param, ParamKind};
pub use prefix::PrefixConfig;
pub use source::{RandomWeights, WeightSource};
pub use task::Task;
pub use task_head::HeadPooling;
