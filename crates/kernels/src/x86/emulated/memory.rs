//! Loads and stores, which need no alignment.

use std::arch::x86_64::__mmask16;
use std::array::from_fn;

use super::compare::set;
use super::types::{__m512, __m512i};

/// Sixteen values.
///
/// # Safety
/// 64 bytes must be readable.
#[inline(always)]
pub(crate) unsafe fn _mm512_loadu_ps(mem_addr: *const f32) -> __m512 {
    // SAFETY: promised by the caller.
    unsafe { mem_addr.cast::<__m512>().read_unaligned() }
}

/// 64 bytes.
///
/// # Safety
/// 64 bytes must be readable.
#[inline(always)]
pub(crate) unsafe fn _mm512_loadu_si512(mem_addr: *const __m512i) -> __m512i {
    // SAFETY: promised by the caller.
    unsafe { mem_addr.read_unaligned() }
}

/// The values whose bit of `k` is set, 0 for the others, which are not read.
///
/// # Safety
/// The chosen values must be readable.
#[inline(always)]
pub(crate) unsafe fn _mm512_maskz_loadu_ps(k: __mmask16, mem_addr: *const f32) -> __m512 {
    // SAFETY: promised by the caller; the address of a value not chosen is not followed.
    __m512(from_fn(|i| unsafe {
        if set(k, i) { mem_addr.wrapping_add(i).read_unaligned() } else { 0.0 }
    }))
}

/// Writes sixteen values.
///
/// # Safety
/// 64 bytes must be writable.
#[inline(always)]
pub(crate) unsafe fn _mm512_storeu_ps(mem_addr: *mut f32, a: __m512) {
    // SAFETY: promised by the caller.
    unsafe { mem_addr.cast::<__m512>().write_unaligned(a) };
}

/// Writes 64 bytes.
///
/// # Safety
/// 64 bytes must be writable.
#[inline(always)]
pub(crate) unsafe fn _mm512_storeu_si512(mem_addr: *mut __m512i, a: __m512i) {
    // SAFETY: promised by the caller.
    unsafe { mem_addr.write_unaligned(a) };
}

/// Writes the values whose bit of `mask` is set; memory for the others is not touched.
///
/// # Safety
/// Memory for the chosen values must be writable.
#[inline(always)]
pub(crate) unsafe fn _mm512_mask_storeu_ps(mem_addr: *mut f32, mask: __mmask16, a: __m512) {
    for (i, value) in a.0.into_iter().enumerate() {
        if set(mask, i) {
            // SAFETY: promised by the caller.
            unsafe { mem_addr.wrapping_add(i).write_unaligned(value) };
        }
    }
}
