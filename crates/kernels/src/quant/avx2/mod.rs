//! AVX2 versions.

mod activations;
mod dot;
mod product;
mod unpack;
mod vnni;
mod weights;

pub(super) use activations::quantize_rows;
pub(super) use product::product;
pub(super) use unpack::unpack;
