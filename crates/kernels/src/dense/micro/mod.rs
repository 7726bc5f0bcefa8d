//! Micro-kernels: a tile of rows times panels in registers, one per element type and level.
//!
//! All walk the steps in order with one accumulator per output element. Within a bf16 step the low
//! element comes first, except in the bf16 instruction, whose own order of the pair is fixed by
//! the hardware.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod table;
mod tile;

#[cfg(test)]
pub(crate) use table::with_widened_bf16;
pub(super) use table::{Kernel, kernel};
pub(crate) use table::{multiplies_bf16, precise_type};
pub(super) use tile::Tile;
