//! Floats in registers: what loops are written in that several levels have in common.
//!
//! The functions of a [`Vector`] have no processor features. They are inlined into their callers, and
//! generic code between them and a function with `#[target_feature]` has to be as well: it is
//! `#[inline(always)]`, and passes no vector through a closure or a function of the library.

mod api;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use api::{Vector, array_functions, register_functions};
