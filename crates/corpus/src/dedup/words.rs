//! Words by their hashes.

use crate::words::for_each_unicode_word;

/// Calls `on_word` with the hash of each word of `text`, lower-cased, in their order, and with
/// whether it starts with an ASCII digit.
///
/// Words are those of Unicode's word boundaries (UAX 29) that hold a letter or digit; a Chinese
/// character is a word.
pub(super) fn for_each_word(text: &str, mut on_word: impl FnMut(u64, bool)) {
    for_each_unicode_word(text, |start, end| {
        let word = &text[start..end];
        let hash = if word.is_ascii() { ascii_hash(word) } else { unicode_hash(word) };
        on_word(hash, word.as_bytes()[0].is_ascii_digit());
    });
}

fn ascii_hash(word: &str) -> u64 {
    word.bytes().fold(HASH_START, |hash, byte| hash_byte(hash, byte.to_ascii_lowercase()))
}

fn unicode_hash(word: &str) -> u64 {
    let mut bytes = [0; 4];
    let mut hash = HASH_START;
    for ch in word.chars().flat_map(char::to_lowercase) {
        for &byte in ch.encode_utf8(&mut bytes).as_bytes() {
            hash = hash_byte(hash, byte);
        }
    }
    hash
}

/// Start and multiplier of FNV-1a, 64 bits.
const HASH_START: u64 = 0xCBF2_9CE4_8422_2325;

#[inline(always)]
fn hash_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_count() {
        let hashes = |text: &str| {
            let mut found = Vec::new();
            for_each_word(text, |hash, digit| found.push((hash, digit)));
            found
        };
        assert_eq!(hashes("ÉTÉ It's 3.14"), hashes("été IT'S 3.14"));
        assert_eq!(hashes("3.14 x").iter().map(|word| word.1).collect::<Vec<_>>(), [true, false]);
        assert_eq!(ascii_hash("Word"), unicode_hash("wORD"));
    }
}
