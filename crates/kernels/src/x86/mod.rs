//! The processor's vector instructions, as the AVX-512 kernels import them, and its matrix registers.
//!
//! Ordinarily the former are `std::arch::x86_64`. With the cargo feature `emulate-avx512` the vectors of
//! 512 bits and what works on them are plain Rust, and so are the tiles, so that tests run the very
//! source of the kernels on a machine that has only AVX2; shorter vectors are still the processor's, but
//! for the one instruction of AVX-VNNI.

#[cfg(not(feature = "emulate-avx512"))]
pub(crate) mod amx;
#[cfg(feature = "emulate-avx512")]
mod emulated;
#[cfg(all(test, feature = "emulate-avx512"))]
#[path = "amx.rs"]
mod processor_amx;
mod shape;

#[cfg(feature = "emulate-avx512")]
pub(crate) use emulated::*;
#[cfg(not(feature = "emulate-avx512"))]
pub(crate) use std::arch::x86_64::*;
