//! AVX-512 in plain Rust, for tests: the names, arguments and results of `std::arch::x86_64`.
//!
//! Each function follows the operation that Intel's manual (Software Developer's Manual, volume 2)
//! gives for its instruction, with the rounding to nearest even and the subnormal numbers that a
//! Rust program runs with. Only which NaN a NaN result is remains open.
//!
//! What a kernel imports and this list lacks is the processor's. On vectors of 512 bits that fails
//! to compile, since the types differ; an instruction of AVX-512 or AVX-VNNI on shorter ones must be
//! listed.

pub(crate) mod amx;
mod bf16;
mod bits;
mod compare;
mod convert;
mod float;
mod integer;
mod memory;
mod round;
mod shuffle;
#[cfg(test)]
mod tests;
mod types;

// What is not listed below is the processor's.
pub(crate) use std::arch::x86_64::*;

pub(crate) use bf16::{_mm512_cvtne2ps_pbh, _mm512_dpbf16_ps};
pub(crate) use bits::{
    _mm512_and_si512, _mm512_castps_si512, _mm512_castps512_ps128, _mm512_castsi512_ps,
    _mm512_castsi512_si128, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};
pub(crate) use compare::_mm512_cmp_ps_mask;
pub(crate) use convert::{
    _mm512_cvtepi8_epi16, _mm512_cvtepi8_epi32, _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32,
};
pub(crate) use float::{
    _mm512_abs_ps, _mm512_add_ps, _mm512_div_ps, _mm512_fmadd_ps, _mm512_maskz_div_ps,
    _mm512_max_ps, _mm512_mul_ps, _mm512_sub_ps,
};
pub(crate) use integer::{
    _mm256_dpbusd_avx_epi32, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_max_epi32,
    _mm512_sll_epi16, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_srl_epi16, _mm512_srli_epi32,
    _mm512_sub_epi32,
};
pub(crate) use memory::{
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_storeu_ps, _mm512_storeu_si512,
};
#[cfg(test)]
pub(crate) use round::_mm512_roundscale_ps;
pub(crate) use round::{_mm512_reduce_ps, _mm512_scalef_ps};
pub(crate) use shuffle::{
    _mm512_broadcast_i32x4, _mm512_permutexvar_epi16, _mm512_permutexvar_epi32,
    _mm512_permutexvar_ps, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
pub(crate) use types::{__m512, __m512bh, __m512i};
