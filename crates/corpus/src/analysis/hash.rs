//! Sixty-four bits that stand for a piece of text within one text.
//!
//! Pieces are compared by these bits alone. Two different pieces of a text of a million words meet
//! with probability 3e-8, far below the rate at which the tools we compare with differ.

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xC2B2_AE3D_27D4_EB4F;

/// Folds the full product of two numbers; changes of one bit spread over the whole.
#[inline]
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ FIRST) * u128::from(b ^ SECOND);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is folded")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

/// The hash of `bytes[start..end]`.
#[inline]
pub(super) fn hash_span(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if length <= 8 {
        return mix(load_short(bytes, start, length), length as u64);
    }
    if length <= 16 {
        return mix(load(bytes, start), load(bytes, end - 8).rotate_left(29) ^ length as u64);
    }
    let mut state = length as u64;
    let mut at = start;
    while at + 16 < end {
        state = mix(load(bytes, at) ^ state, load(bytes, at + 8));
        at += 16;
    }
    mix(load(bytes, end - 16) ^ state, load(bytes, end - 8))
}

/// Eight bytes from `at`, all inside `bytes`.
#[inline]
pub(super) fn load(bytes: &[u8], at: usize) -> u64 {
    let piece: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes were cut");
    u64::from_le_bytes(piece)
}

/// At most eight bytes from `at`, the rest zero.
#[inline]
fn load_short(bytes: &[u8], at: usize, length: usize) -> u64 {
    if let Some(piece) = bytes.get(at..at + 8) {
        let piece: [u8; 8] = piece.try_into().expect("eight bytes were cut");
        let unused_bits = 64 - 8 * length;
        let all = u64::from_le_bytes(piece);
        return if length == 0 { 0 } else { all << unused_bits >> unused_bits };
    }
    let mut piece = [0; 8];
    piece[..length].copy_from_slice(&bytes[at..at + length]);
    u64::from_le_bytes(piece)
}
