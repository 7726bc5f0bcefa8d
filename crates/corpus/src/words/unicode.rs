//! Words as Unicode's boundaries give them, found by bytes where a text is ASCII.

use unicode_segmentation::UnicodeSegmentation;

/// What an ASCII byte means for the borders of words; bits, so that those of a piece add up.
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
/// Joins letters and digits: `_`.
const JOINER: u8 = 4;
/// Stays inside a word between two letters: `:`, `.` and `'`.
const MID_LETTER: u8 = 8;
/// Stays inside a number between two digits: `,`, `;`, `.` and `'`.
const MID_NUMBER: u8 = 16;
const OTHER: u8 = 32;
const SPACE: u8 = 64;
const BEYOND: u8 = 128;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [BEYOND; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'_' => JOINER,
            b':' => MID_LETTER,
            b',' | b';' => MID_NUMBER,
            b'.' | b'\'' => MID_LETTER | MID_NUMBER,
            _ if byte.is_ascii_whitespace() => SPACE,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
}

/// Calls `on_word` with where each word of `text` starts and ends, in their order.
///
/// Words are those of Unicode's word boundaries (UAX 29) that hold a letter or digit; a Chinese
/// character is a word.
pub(crate) fn for_each_unicode_word(text: &str, mut on_word: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if CLASSES[usize::from(bytes[at])] == SPACE {
            at += 1;
            continue;
        }
        let start = at;
        // The piece up to white space decides which way is taken: borders do not depend on what
        // lies beyond white space.
        let mut kinds = 0;
        while at < bytes.len() && CLASSES[usize::from(bytes[at])] != SPACE {
            kinds |= CLASSES[usize::from(bytes[at])];
            at += 1;
        }
        if kinds & !(LETTER | DIGIT) == 0 {
            on_word(start, at);
        } else if kinds & BEYOND == 0 {
            ascii_words(bytes, start, at, &mut on_word);
        } else {
            for (offset, word) in text[start..at].unicode_word_indices() {
                on_word(start + offset, start + offset + word.len());
            }
        }
    }
}

fn ascii_words(bytes: &[u8], start: usize, end: usize, on_word: &mut impl FnMut(usize, usize)) {
    let class = |at: usize| if at < end { CLASSES[usize::from(bytes[at])] } else { OTHER };
    let mut at = start;
    while at < end {
        if class(at) & (LETTER | DIGIT | JOINER) == 0 {
            at += 1;
            continue;
        }
        let from = at;
        let mut readable = false;
        loop {
            let here = class(at);
            if here & (LETTER | DIGIT) != 0 {
                readable = true;
            } else if here != JOINER {
                let around = class(at - 1) & class(at + 1);
                let stays = here & MID_LETTER != 0 && around == LETTER
                    || here & MID_NUMBER != 0 && around == DIGIT;
                if !stays {
                    break;
                }
            }
            at += 1;
        }
        if readable {
            on_word(from, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        for_each_unicode_word(text, |start, end| words.push(&text[start..end]));
        words
    }

    #[track_caller]
    fn check(text: &str) {
        assert_eq!(found(text), text.unicode_words().collect::<Vec<_>>(), "of {text:?}");
    }

    #[test]
    fn words_are_those_of_unicode() {
        check("It's 3.14, isn't_it? a.b.c e.g. 1,000;2 x:y _ __ a_ 1.a .5 'q' a:_b");
        check("Straße ÉTÉ 客户可以 naïve café's 10€ ｆｕｌｌ\u{301}x");
        check("");
    }

    proptest! {
        #[test]
        fn any_text_has_the_words_of_unicode(text in "[a-zA-Z0-9_.,;:' \n\\-é户ｶα\u{301}]{0,30}") {
            prop_assert_eq!(found(&text), text.unicode_words().collect::<Vec<_>>());
        }
    }
}
