//! AVX2 versions.

mod activations;
mod dot;
mod product;
mod weights;

pub(super) use activations::quantize_rows;
pub(super) use product::product;
