//! Words by their hashes, as fast as bytes can be read.

use unicode_segmentation::UnicodeSegmentation;

/// What an ASCII byte means for the borders of words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    /// Joins letters and digits: `_`.
    Joiner,
    /// Stays inside a word between two letters: `:`.
    MidLetter,
    /// Stays inside a number between two digits: `,` and `;`.
    MidNumber,
    /// Either: `.` and `'`.
    MidBoth,
    Other,
}

const CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut classes = [Class::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'_' => Class::Joiner,
            b':' => Class::MidLetter,
            b',' | b';' => Class::MidNumber,
            b'.' | b'\'' => Class::MidBoth,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
}

/// Calls `on_word` with the hash of each word of `text`, lower-cased, in their order, and with
/// whether it starts with an ASCII digit.
///
/// Words are those of Unicode's word boundaries (UAX 29) that hold a letter or digit; a Chinese
/// character is a word.
pub(super) fn for_each_word(text: &str, mut on_word: impl FnMut(u64, bool)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let start = at;
        // The piece up to white space decides which way is taken: borders do not depend on what
        // lies beyond white space.
        let mut ascii = true;
        while at < bytes.len() && !bytes[at].is_ascii_whitespace() {
            ascii &= bytes[at].is_ascii();
            at += 1;
        }
        if ascii {
            ascii_words(&bytes[start..at], &mut on_word);
        } else {
            unicode_words(&text[start..at], &mut on_word);
        }
    }
}

fn ascii_words(piece: &[u8], on_word: &mut impl FnMut(u64, bool)) {
    let class = |at: usize| piece.get(at).map_or(Class::Other, |&byte| CLASSES[usize::from(byte)]);
    let mut at = 0;
    while at < piece.len() {
        if !matches!(class(at), Class::Letter | Class::Digit | Class::Joiner) {
            at += 1;
            continue;
        }
        let starts_with_digit = class(at) == Class::Digit;
        let mut hash = HASH_START;
        let mut readable = false;
        loop {
            let inside = match class(at) {
                Class::Letter | Class::Digit => {
                    readable = true;
                    true
                }
                Class::Joiner => true,
                Class::MidLetter => between(class(at - 1), class(at + 1), Class::Letter),
                Class::MidNumber => between(class(at - 1), class(at + 1), Class::Digit),
                Class::MidBoth => {
                    between(class(at - 1), class(at + 1), Class::Letter)
                        || between(class(at - 1), class(at + 1), Class::Digit)
                }
                Class::Other => false,
            };
            if !inside {
                break;
            }
            hash = hash_byte(hash, piece[at].to_ascii_lowercase());
            at += 1;
        }
        if readable {
            on_word(hash, starts_with_digit);
        }
    }
}

fn between(before: Class, after: Class, kind: Class) -> bool {
    before == kind && after == kind
}

fn unicode_words(piece: &str, on_word: &mut impl FnMut(u64, bool)) {
    let mut bytes = [0; 4];
    for word in piece.unicode_words() {
        let mut hash = HASH_START;
        for ch in word.chars().flat_map(char::to_lowercase) {
            for &byte in ch.encode_utf8(&mut bytes).as_bytes() {
                hash = hash_byte(hash, byte);
            }
        }
        on_word(hash, word.as_bytes()[0].is_ascii_digit());
    }
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
    use proptest::prelude::*;

    fn expected(text: &str) -> Vec<(u64, bool)> {
        let hash = |word: &str| {
            let lower: String = word.chars().flat_map(char::to_lowercase).collect();
            lower.bytes().fold(HASH_START, hash_byte)
        };
        let digit = |word: &str| word.as_bytes()[0].is_ascii_digit();
        text.unicode_words().map(|word| (hash(word), digit(word))).collect()
    }

    #[track_caller]
    fn check(text: &str) {
        let mut found = Vec::new();
        for_each_word(text, |hash, digit| found.push((hash, digit)));
        assert_eq!(found, expected(text), "of {text:?}");
    }

    #[test]
    fn words_are_those_of_unicode() {
        check("It's 3.14, isn't_it? a.b.c e.g. 1,000;2 x:y _ __ a_ 1.a .5 'q'");
        check("Straße ÉTÉ 客户可以 naïve café's 10€ ｆｕｌｌ\u{301}x");
        check("");
    }

    proptest! {
        #[test]
        fn any_text_has_the_words_of_unicode(text in "[a-zA-Z0-9_.,;:' \n\\-é户ｶα\u{301}]{0,30}") {
            let mut found = Vec::new();
            for_each_word(&text, |hash, digit| found.push((hash, digit)));
            prop_assert_eq!(found, expected(&text));
        }
    }
}
