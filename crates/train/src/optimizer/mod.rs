//! Optimizers over one flat vector of trained values.
//!
//! The model hands over its values and their gradient as two vectors; [`TrainedTensor`]s say which
//! part of them is which tensor. An [`Optimizer`] is made once for a list of tensors and takes all
//! memory it will ever need then: a step allocates nothing, and may be made of some tensors after
//! others, as their gradients come. Its state can be read as named tensors and put back, bit for bit,
//! so a resumed run goes on as if it had never stopped.
//!
//! One file per optimizer, which says what state it keeps and how it moves a part of the vector;
//! what all of them share is `partwise`, the arithmetic is `catena-kernels`'. [`OptimizerConfig`]
//! chooses.

mod adafactor;
mod adamw;
mod adamw_8bit;
mod api;
mod config;
mod lion;
mod memory;
mod muon;
mod partwise;
mod sgd;
mod tensor;
#[cfg(test)]
mod tests;

pub use adafactor::AdafactorConfig;
pub use adamw::AdamWConfig;
pub use api::Optimizer;
pub use config::OptimizerConfig;
pub use lion::LionConfig;
pub use memory::{OptimizerMemory, StateData, StateTensor};
pub use muon::{MuonAdjust, MuonConfig, MuonPrecision};
pub use sgd::SgdConfig;
pub use tensor::TrainedTensor;
