//! Versions for 64-bit Arm.

mod activations;
mod matrices;
mod product;
mod unpack;
mod weights;

pub(super) use activations::quantize_rows;
pub(super) use product::product;
pub(super) use unpack::unpack;
