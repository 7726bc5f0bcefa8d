//! Low-rank adapters on one base: every sequence of a step may have its own.
//!
//! A LoRA pair adds `scale * (x A^T) B^T` to what a product gives. The base's product runs over all
//! rows of a step as ever; then each run of neighbouring rows with the same adapter adds its pairs'
//! part to the right columns. A row without an adapter is not touched, so its bits are those of a
//! step without adapters, and the sums of a row with one are in the same order whatever stands
//! beside it.
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
mod set;
#[cfg(test)]
mod tests;

pub(super) use apply::{Deltas, Runs};
pub use pack::{Adapter, MAX_ADAPTER_RANK};
pub(super) use place::Product;
pub use set::{AdapterId, AdapterSet};
