//! Sixty-four bits that stand for a piece of text among those of one text.
//!
//! Pieces are compared by these bits alone. Two different pieces of a text of a million words meet
//! with probability 3e-8, far below the rate at which the tools we compare with differ.

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xC2B2_AE3D_27D4_EB4F;
/// Bytes that are hashed at once; few words are longer.
pub(crate) const HEAD: usize = 16;

/// Folds the full product of two numbers; changes of one bit spread over the whole.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ FIRST) * u128::from(b ^ SECOND);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is folded")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

/// The hash of `bytes[start..end]`.
#[inline]
pub(crate) fn hash_span(bytes: &[u8], start: usize, end: usize) -> u64 {
    if end - start <= HEAD {
        return hash_head(head(bytes, start, end), end - start);
    }
    hash_long(&bytes[start..end])
}

/// The hash of at most [`HEAD`] bytes, of which `head` gives the bytes.
#[inline]
pub(crate) fn hash_head([low, high]: [u64; 2], length: usize) -> u64 {
    mix(low, high.rotate_left(29) ^ length as u64)
}

fn hash_long(bytes: &[u8]) -> u64 {
    let end = bytes.len();
    let mut state = end as u64;
    let mut at = 0;
    while at + HEAD < end {
        state = mix(load(bytes, at) ^ state, load(bytes, at + 8));
        at += HEAD;
    }
    mix(load(bytes, end - HEAD) ^ state, load(bytes, end - 8))
}

/// The first [`HEAD`] bytes of `bytes[start..end]`, zero behind its end.
#[inline]
pub(crate) fn head(bytes: &[u8], start: usize, end: usize) -> [u64; 2] {
    let length = (end - start).min(HEAD);
    if start + HEAD <= bytes.len() {
        let [low, high] = MASKS[length];
        return [load(bytes, start) & low, load(bytes, start + 8) & high];
    }
    let mut piece = [0; HEAD];
    piece[..length].copy_from_slice(&bytes[start..start + length]);
    [load(&piece, 0), load(&piece, 8)]
}

/// For each length, the bits of two numbers that hold so many bytes.
static MASKS: [[u64; 2]; HEAD + 1] = masks();

const fn masks() -> [[u64; 2]; HEAD + 1] {
    let mut masks = [[0; 2]; HEAD + 1];
    let mut length = 1;
    while length <= HEAD {
        let all = u128::MAX >> (128 - 8 * length);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let halves = [all as u64, (all >> 64) as u64];
        masks[length] = halves;
        length += 1;
    }
    masks
}

/// Eight bytes from `at`, all inside `bytes`.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    let piece: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes were cut");
    u64::from_le_bytes(piece)
}
