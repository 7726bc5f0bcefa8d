//! Masks: comparing lanes and choosing among them.

use std::arch::x86_64::__mmask16;
use std::cmp::Ordering;

use super::types::__m512;

/// A bit for every lane in which the predicate `IMM5` (`_CMP_…`) holds.
///
/// The upper sixteen predicates are the lower ones with the opposite say on which NaN raises an
/// exception flag.
#[inline(always)]
pub(crate) fn _mm512_cmp_ps_mask<const IMM5: i32>(a: __m512, b: __m512) -> __mmask16 {
    // In each predicate: whether it holds for less, equal, greater, unordered.
    const HOLDS: [[bool; 4]; 16] = {
        const Y: bool = true;
        const N: bool = false;
        [
            [N, Y, N, N], // EQ_OQ
            [Y, N, N, N], // LT_OS
            [Y, Y, N, N], // LE_OS
            [N, N, N, Y], // UNORD_Q
            [Y, N, Y, Y], // NEQ_UQ
            [N, Y, Y, Y], // NLT_US
            [N, N, Y, Y], // NLE_US
            [Y, Y, Y, N], // ORD_Q
            [N, Y, N, Y], // EQ_UQ
            [Y, N, N, Y], // NGE_US
            [Y, Y, N, Y], // NGT_US
            [N, N, N, N], // FALSE_OQ
            [Y, N, Y, N], // NEQ_OQ
            [N, Y, Y, N], // GE_OS
            [N, N, Y, N], // GT_OS
            [Y, Y, Y, Y], // TRUE_UQ
        ]
    };
    let holds = HOLDS[(IMM5 & 15) as usize];
    (0..16).fold(0, |mask, i| {
        let case = match a.0[i].partial_cmp(&b.0[i]) {
            Some(Ordering::Less) => 0,
            Some(Ordering::Equal) => 1,
            Some(Ordering::Greater) => 2,
            None => 3,
        };
        mask | u16::from(holds[case]) << i
    })
}

/// Whether lane `i` is chosen.
#[inline(always)]
pub(super) fn set(k: __mmask16, i: usize) -> bool {
    k >> i & 1 == 1
}
