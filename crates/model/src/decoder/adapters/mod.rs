//! Adapters on one base: every sequence of a step may have its own.
//!
//! | kind | what it does here |
//! |---|---|
//! | LoRA | adds `scale * (x A^T) B^T` to what a product gives |
//! | DoRA | scales what the product gives by `m / ||W + scale * B A||`, the pair's part with it |
//! | IA3 | scales what a product gives, its bias with it, or what it gets |
//! | prefix | puts keys and values in the place of those of a sequence's first tokens |
//!
//! The base's product runs over all rows of a step as ever; then each run of neighbouring rows with
//! the same adapter has its part done to the right columns. Where a product is added to rows that
//! stand already, those of adapters that scale are set aside first and added again. A row without an
//! adapter is not touched, so its bits are those of a step without adapters, and the sums of a row
//! with one are in the same order whatever stands beside it.
//!
//! Adapters of all projections of attention, of MLPs, experts and routers and of the head are applied;
//! those of embeddings are refused by name. What PEFT writes for experts that are one tensor
//! (`target_parameters`) is refused when the adapter is read.
//!
//! Rows that were dealt to an expert take their adapters with them. Of latent attention in its
//! absorbed form the matrices of each head are changed where they are applied: to a query as
//! `A^T (B_h^T q)`, to a sum of latents as `B_h (A l)`. Nothing that was cached depends on them.
//!
//! # Source
//! Hu et al. 2021, arXiv:2106.09685; many adapters in one batch: Chen et al. 2023, "Punica",
//! arXiv:2310.18547.

mod apply;
mod pack;
mod place;
mod prefix;
mod scale;
mod set;
#[cfg(test)]
mod tests;

pub(super) use apply::{AdapterBuffers, Deltas, Runs};
pub use pack::{Adapter, MAX_ADAPTER_RANK};
pub(super) use place::Product;
pub use set::{AdapterId, AdapterSet};
