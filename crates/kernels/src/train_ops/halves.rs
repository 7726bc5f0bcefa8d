//! Values in two bytes, for what is kept until the way back only multiplies it.

use crate::dense::bf16_bits;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level};

/// Rounds values to bf16 in place, to nearest even, and keeps the bits of each.
///
/// What goes on with the rounded values is then the same as what is made of the kept ones later.
///
/// # Panics
/// If the lengths differ: a caller's bug.
pub fn round_to_halves(pool: &Pool, x: &mut [f32], kept: &mut [u16]) {
    assert_eq!(x.len(), kept.len(), "values and their halves");
    let (level, kept) = (level(), SharedMut::new(kept));
    pool.split_rows(x, 1, &|part, x| {
        // SAFETY: threads have different parts.
        rounded_and_kept(level, x, unsafe { kept.range(part) });
    });
}

/// As [`round_to_halves`], and keeps nothing.
pub fn round_to_bf16(pool: &Pool, x: &mut [f32]) {
    let level = level();
    pool.split_rows(x, 1, &|_, x| rounded(level, x));
}

/// The values of [`round_to_halves`] again.
///
/// # Panics
/// If the lengths differ: a caller's bug.
pub fn widen_halves(pool: &Pool, kept: &[u16], out: &mut [f32]) {
    assert_eq!(kept.len(), out.len(), "halves and their values");
    let level = level();
    pool.split_rows(out, 1, &|part, out| widened(level, &kept[part], out));
}

leveled! {
    pub(super) fn rounded_and_kept(x: &mut [f32], kept: &mut [u16]) {
        for (x, kept) in x.iter_mut().zip(kept) {
            let bits = bf16_bits(*x);
            *kept = bits as u16;
            *x = f32::from_bits(bits << 16);
        }
    }
}

leveled! {
    pub(super) fn rounded(x: &mut [f32]) {
        for x in x {
            *x = f32::from_bits(bf16_bits(*x) << 16);
        }
    }
}

leveled! {
    pub(super) fn widened(kept: &[u16], out: &mut [f32]) {
        for (out, kept) in out.iter_mut().zip(kept) {
            *out = f32::from_bits(u32::from(*kept) << 16);
        }
    }
}
