//! AVX-512 VNNI versions.

mod activations;
mod product;
mod read;
mod unpack;
mod unpacked;
mod weights;

pub(super) use activations::quantize_rows;
pub(super) use product::product;
pub(super) use unpack::{unpack, unpack_pairs};
