//! Words by their hashes, as fast as bytes can be read.

use crate::language::Script;

/// What an ASCII byte becomes in a word: itself in lower case, or 0 where it is in none.
static LOWER: [u8; 128] = lower();

const fn lower() -> [u8; 128] {
    let mut lower = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            lower[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    lower
}

/// Calls `on_word` with the hash of each word of `text`, lower-cased, in their order, and with
/// whether it starts with an ASCII digit.
///
/// Words are runs of letters, digits and underscores, as most tools that compare texts have them;
/// of scripts that set no spaces between words, each character is one.
pub(super) fn for_each_word(text: &str, mut on_word: impl FnMut(u64, bool)) {
    let bytes = text.as_bytes();
    let mut word: Option<(u64, bool)> = None;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte < 128 {
            let lower = LOWER[usize::from(byte)];
            at += 1;
            if lower != 0 {
                let (hash, digit) = word.unwrap_or((HASH_START, byte.is_ascii_digit()));
                word = Some((hash_byte(hash, lower), digit));
                continue;
            }
        } else if let Some(ch) = text[at..].chars().next() {
            at += ch.len_utf8();
            let alone = stands_alone(ch);
            if !alone && ch.is_alphanumeric() {
                let (hash, digit) = word.unwrap_or((HASH_START, false));
                word = Some((hash_char(hash, ch), digit));
                continue;
            }
            if alone {
                if let Some((hash, digit)) = word.take() {
                    on_word(hash, digit);
                }
                word = Some((hash_char(HASH_START, ch), false));
            }
        }
        if let Some((hash, digit)) = word.take() {
            on_word(hash, digit);
        }
    }
    if let Some((hash, digit)) = word {
        on_word(hash, digit);
    }
}

/// Whether a character beyond ASCII is a word of its own.
fn stands_alone(ch: char) -> bool {
    ch >= '\u{E00}'
        && matches!(
            Script::of(ch),
            Some(
                Script::Han
                    | Script::Kana
                    | Script::Thai
                    | Script::Lao
                    | Script::Khmer
                    | Script::Myanmar
                    | Script::Tibetan
            )
        )
}

/// Start and multiplier of FNV-1a, 64 bits.
const HASH_START: u64 = 0xCBF2_9CE4_8422_2325;

#[inline(always)]
fn hash_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
}

fn hash_char(mut hash: u64, ch: char) -> u64 {
    let mut bytes = [0; 4];
    for lower in ch.to_lowercase() {
        for &byte in lower.encode_utf8(&mut bytes).as_bytes() {
            hash = hash_byte(hash, byte);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u64, bool)> {
        let mut found = Vec::new();
        for_each_word(text, |hash, digit| found.push((hash, digit)));
        found
    }

    /// The words, one after the other.
    fn of(words: &[&str]) -> Vec<(u64, bool)> {
        words.iter().flat_map(|word| found(word)).collect()
    }

    #[test]
    fn words_are_runs_of_letters_digits_and_underscores() {
        let words = ["it", "s", "3", "14", "a_b", "été", "x"];
        assert_eq!(words.map(|word| found(word).len()), [1; 7]);
        assert_eq!(found("It's 3.14: a_b ÉTÉ (x)"), of(&words));
        assert_eq!(found("3x x3").iter().map(|word| word.1).collect::<Vec<_>>(), [true, false]);
        assert!(found(" .,;— ").is_empty());
    }

    #[test]
    fn characters_of_scripts_without_spaces_are_words() {
        assert_eq!(found("客户a可以。b"), of(&["客", "户", "a", "可", "以", "b"]));
        assert_eq!(found("これはペン").len(), 5);
        assert_eq!(found("한국어 말").len(), 2);
    }
}
