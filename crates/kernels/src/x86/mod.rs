//! The processor's vector instructions, as the AVX-512 kernels import them.
//!
//! Ordinarily this is `std::arch::x86_64`. With the cargo feature `emulate-avx512` the vectors of
//! 512 bits and what works on them are plain Rust, so that tests run the very source of the AVX-512
//! kernels on a machine that has only AVX2; shorter vectors are still the processor's.

#[cfg(feature = "emulate-avx512")]
mod emulated;

#[cfg(feature = "emulate-avx512")]
pub(crate) use emulated::*;
#[cfg(not(feature = "emulate-avx512"))]
pub(crate) use std::arch::x86_64::*;
