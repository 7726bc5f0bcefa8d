//! Moving lanes.

use std::arch::x86_64::__m128i;
use std::array::from_fn;

use bytemuck::cast;

use super::types::{__m512, __m512i};

/// The bytes of each quarter of `a` that the low four bits of the quarter's bytes of `b` name; 0
/// where the highest bit is set.
#[inline(always)]
pub(crate) fn _mm512_shuffle_epi8(a: __m512i, b: __m512i) -> __m512i {
    let (a, b): ([[u8; 16]; 4], [[u8; 16]; 4]) = (cast(a), cast(b));
    let pick = |a: [u8; 16], at: u8| if at < 128 { a[usize::from(at & 15)] } else { 0 };
    let quarters: [[u8; 16]; 4] = from_fn(|q| b[q].map(|at| pick(a[q], at)));
    cast(quarters)
}

/// The lanes of `a` that the low four bits of `idx` name.
#[inline(always)]
pub(crate) fn _mm512_permutexvar_ps(idx: __m512i, a: __m512) -> __m512 {
    __m512(idx.0.map(|at| a.0[(at & 15) as usize]))
}

/// The 32-bit lanes of `a` that the low four bits of `idx` name.
#[inline(always)]
pub(crate) fn _mm512_permutexvar_epi32(idx: __m512i, a: __m512i) -> __m512i {
    __m512i(idx.0.map(|at| a.0[(at & 15) as usize]))
}

/// The 16-bit lanes of `a` that the low five bits of those of `idx` name.
#[inline(always)]
pub(crate) fn _mm512_permutexvar_epi16(idx: __m512i, a: __m512i) -> __m512i {
    let (idx, a): ([u16; 32], [u16; 32]) = (cast(idx), cast(a));
    cast(idx.map(|at| a[usize::from(at & 31)]))
}

/// Two quarters of `a`, then two of `b`, each named by two bits of `MASK`.
#[inline(always)]
pub(crate) fn _mm512_shuffle_i32x4<const MASK: i32>(a: __m512i, b: __m512i) -> __m512i {
    let (a, b): ([[i32; 4]; 4], [[i32; 4]; 4]) = (cast(a), cast(b));
    let at = |i: usize| (MASK >> (2 * i) & 3) as usize;
    cast([a[at(0)], a[at(1)], b[at(2)], b[at(3)]])
}

/// The vector in every quarter.
#[inline(always)]
pub(crate) fn _mm512_broadcast_i32x4(a: __m128i) -> __m512i {
    cast([a; 4])
}

/// In each quarter the lanes of `a` and `b` in turn, those of its lower half.
#[inline(always)]
pub(crate) fn _mm512_unpacklo_epi32(a: __m512i, b: __m512i) -> __m512i {
    unpack_4::<0>(a, b)
}

/// In each quarter the lanes of `a` and `b` in turn, those of its upper half.
#[inline(always)]
pub(crate) fn _mm512_unpackhi_epi32(a: __m512i, b: __m512i) -> __m512i {
    unpack_4::<2>(a, b)
}

/// In each quarter the first lane of `a`, then that of `b`.
#[inline(always)]
pub(crate) fn _mm512_unpacklo_epi64(a: __m512i, b: __m512i) -> __m512i {
    unpack_2::<0>(a, b)
}

/// In each quarter the second lane of `a`, then that of `b`.
#[inline(always)]
pub(crate) fn _mm512_unpackhi_epi64(a: __m512i, b: __m512i) -> __m512i {
    unpack_2::<1>(a, b)
}

/// In each quarter, lanes `FROM` and `FROM + 1` of 4 bytes of both in turn.
#[inline(always)]
fn unpack_4<const FROM: usize>(a: __m512i, b: __m512i) -> __m512i {
    let (a, b): ([[u32; 4]; 4], [[u32; 4]; 4]) = (cast(a), cast(b));
    let quarters: [[u32; 4]; 4] =
        from_fn(|q| [a[q][FROM], b[q][FROM], a[q][FROM + 1], b[q][FROM + 1]]);
    cast(quarters)
}

/// In each quarter, lane `FROM` of 8 bytes of both in turn.
#[inline(always)]
fn unpack_2<const FROM: usize>(a: __m512i, b: __m512i) -> __m512i {
    let (a, b): ([[u64; 2]; 4], [[u64; 2]; 4]) = (cast(a), cast(b));
    let quarters: [[u64; 2]; 4] = from_fn(|q| [a[q][FROM], b[q][FROM]]);
    cast(quarters)
}
