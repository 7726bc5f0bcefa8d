//! AVX2 versions.

mod activations;
mod product;

pub(super) use activations::quantize_rows;
pub(super) use product::product;
