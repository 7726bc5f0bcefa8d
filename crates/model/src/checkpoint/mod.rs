//! One view of a model, whatever family of files it is in.
//!
//! Tensor names and row order are always Hugging Face's. Llama's GGUF files hold the rows of the
//! query and key projections in another order (each head's two rotary halves interleaved); here
//! they are put back, which for block formats only reorders slices.

mod names;
mod open;
#[cfg(test)]
mod tests;
mod weight;

pub(crate) use names::{gguf_row, to_gguf};
pub use open::Checkpoint;
pub use weight::{Weight, WeightData};
