//! A hash of texts that can be joined: the hash of two texts end to end follows from theirs.

/// The modulus, a Mersenne prime, so that a remainder is a shift and an addition.
const MODULUS: u64 = (1 << 61) - 1;
/// The base: any number without structure; it is part of no format.
const BASE: u64 = 0x1b87_3593_cc9e_2d51 % MODULUS;
/// Powers kept ready; words are short, longer texts pay for an exponentiation.
const POWERS: usize = 256;

static POWER: [u64; POWERS] = powers();

const fn powers() -> [u64; POWERS] {
    let mut table = [1u64; POWERS];
    let mut idx = 1;
    while idx < POWERS {
        table[idx] = multiply(table[idx - 1], BASE);
        idx += 1;
    }
    table
}

const fn multiply(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 61 bits")]
    let sum = (product as u64 & MODULUS) + (product >> 61) as u64;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}

fn power(exponent: usize) -> u64 {
    if let Some(known) = POWER.get(exponent) {
        return *known;
    }
    let half = power(exponent / 2);
    let whole = multiply(half, half);
    if exponent % 2 == 1 { multiply(whole, BASE) } else { whole }
}

/// The hash of a text: a polynomial over its bytes.
///
/// `sum((byte[i] + 1) * base^(n - 1 - i)) mod (2^61 - 1)`, for `n` bytes; 0 for no byte.
pub fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0, |hash, byte| {
        let sum = multiply(hash, BASE) + u64::from(byte) + 1;
        if sum >= MODULUS { sum - MODULUS } else { sum }
    })
}

/// The hash of two texts end to end.
///
/// `join_hashes(hash_text(a), hash_text(b), b.len()) == hash_text(ab)`
pub fn join_hashes(left: u64, right: u64, right_bytes: usize) -> u64 {
    let sum = multiply(left, power(right_bytes)) + right;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}
