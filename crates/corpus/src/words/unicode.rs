//! Words as Unicode's boundaries give them, found by bytes where a text is ASCII.

use unicode_segmentation::UnicodeSegmentation;

/// What a character means for the borders of words; bits, so that those of a piece add up.
const LETTER: u16 = 1;
const DIGIT: u16 = 1 << 1;
/// Joins letters and digits: `_`.
const JOINER: u16 = 1 << 2;
/// Stays inside a word between two letters: `:`, `.` and `'`.
const MID_LETTER: u16 = 1 << 3;
/// Stays inside a number between two digits: `,`, `;`, `.` and `'`.
const MID_NUMBER: u16 = 1 << 4;
/// Is a word of its own: a Han character.
const ALONE: u16 = 1 << 5;
/// Ends a word and is none.
const OTHER: u16 = 1 << 6;
const SPACE: u16 = 1 << 7;
/// A byte of a character beyond ASCII, or such a character that is not among the common ones.
const BEYOND: u16 = 1 << 8;

static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
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

/// The class of a character.
fn class_of(ch: char) -> u16 {
    match ch {
        '\0'..='\x7F' => CLASSES[ch as usize & 127],
        '×'
        | '÷'
        | '¡'..='©'
        | '«'
        | '¬'
        | '®'..='±'
        | '´'
        | '¶'
        | '»'
        | '¿'
        | '\u{2010}'..='\u{2017}'
        | '\u{201A}'..='\u{2023}'
        | '…'
        | '\u{2030}'..='\u{203E}'
        | '\u{2190}'..='\u{21FF}'
        | '\u{2500}'..='\u{257F}'
        | '、'
        | '。'
        | '\u{3008}'..='\u{3011}'
        | '！'
        | '（'
        | '）'
        | '？' => OTHER,
        'À'..='\u{24F}' | 'ª' | 'µ' | 'º' | 'Ё' | 'ё' | 'А'..='я' => LETTER,
        '·' => MID_LETTER,
        '‘' | '’' => MID_LETTER | MID_NUMBER,
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' => ALONE,
        _ => BEYOND,
    }
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
        } else {
            unicode_words(text, start, at, kinds & BEYOND != 0, &mut on_word);
        }
    }
}

/// Calls `on_word` with the words of `text[start..end]`, which stands between white space.
pub(crate) fn unicode_words(
    text: &str,
    start: usize,
    end: usize,
    has_beyond_ascii: bool,
    on_word: &mut impl FnMut(usize, usize),
) {
    let piece = &text[start..end];
    if !has_beyond_ascii {
        let bytes = piece.bytes().enumerate();
        known_words(bytes.map(|(at, byte)| (at, CLASSES[usize::from(byte)])), start, end, on_word);
    } else if piece.chars().all(|ch| class_of(ch) != BEYOND) {
        let chars = piece.char_indices();
        known_words(chars.map(|(at, ch)| (at, class_of(ch))), start, end, on_word);
    } else {
        for (offset, word) in piece.unicode_word_indices() {
            on_word(start + offset, start + offset + word.len());
        }
    }
}

/// The words of the piece `start .. end`, given where in it each character stands and its class.
#[inline]
fn known_words(
    chars: impl Iterator<Item = (usize, u16)>,
    start: usize,
    end: usize,
    on_word: &mut impl FnMut(usize, usize),
) {
    let mut chars = chars.peekable();
    let mut before = OTHER;
    // Where the word begun stands, and whether it has a letter or digit.
    let mut word: Option<(usize, bool)> = None;
    while let Some((at, class)) = chars.next() {
        if class & (LETTER | DIGIT | JOINER) != 0 {
            let (from, is_readable) = word.unwrap_or((at, false));
            word = Some((from, is_readable || class != JOINER));
        } else {
            let around = before & chars.peek().map_or(OTHER, |(_, next)| *next);
            let stays = class & MID_LETTER != 0 && around == LETTER
                || class & MID_NUMBER != 0 && around == DIGIT;
            if !stays && let Some((from, true)) = word.take() {
                on_word(start + from, start + at);
            }
            if class == ALONE {
                let next = chars.peek().map_or(end - start, |(next, _)| *next);
                on_word(start + at, start + next);
            }
        }
        before = class;
    }
    if let Some((from, true)) = word {
        on_word(start + from, end);
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

    #[test]
    fn every_character_with_a_class_has_it_in_unicode_too() {
        let wrong: Vec<char> = ('\0'..=char::MAX)
            .filter(|&ch| class_of(ch) != BEYOND)
            .filter(|ch| {
                let around =
                    [("a", "b"), ("1", "2"), ("_", "_"), ("户", "户"), ("", ""), ("a", "1")];
                around.iter().any(|(before, after)| {
                    let text = format!("{before}{ch}{after}");
                    found(&text) != text.unicode_words().collect::<Vec<_>>()
                })
            })
            .collect();
        assert!(wrong.is_empty(), "other words than Unicode's around {wrong:?}");
    }

    proptest! {
        #[test]
        fn any_text_has_the_words_of_unicode(text in "[a-zA-Z0-9_.,;:' \n\\-é户ｶα\u{301}’“–·ß，。（я²…\u{200d}]{0,30}") {
            prop_assert_eq!(found(&text), text.unicode_words().collect::<Vec<_>>());
        }
    }
}
