//! Words as runs of letters and digits, and characters where a script has no spaces.

use super::sink::{Sink, WordPlace};
use unicode_normalization::char::is_combining_mark;

/// What a byte is: 0 parts words, `NOT_ASCII` begins or continues a longer character, anything
/// else is the byte in lower case.
const CLASSES: [u8; 256] = classes();
const NOT_ASCII: u8 = 0xFF;

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "a byte counts to 255")]
        let small = byte as u8;
        classes[byte] = if !small.is_ascii() {
            NOT_ASCII
        } else if small.is_ascii_alphanumeric() {
            small.to_ascii_lowercase()
        } else {
            0
        };
        byte += 1;
    }
    classes
}

/// Sends every word of `text` to `sink` until it wants no more.
#[inline]
pub(super) fn scan(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Where the word begun stands, if one is.
    let mut start = None;
    while at < bytes.len() {
        let class = CLASSES[bytes[at] as usize];
        if class != 0 && class != NOT_ASCII {
            start.get_or_insert(at);
            sink.push(class);
            at += 1;
            continue;
        }
        let (len, kind) = if class == 0 { (1, Kind::Parts) } else { long_character(text, at) };
        if !matches!(kind, Kind::Letter(_)) && !end_word(sink, &mut start, at) {
            return;
        }
        match kind {
            Kind::Parts => {}
            Kind::Letter(ch) => {
                start.get_or_insert(at);
                ch.to_lowercase().for_each(|ch| sink.push_char(ch));
            }
            Kind::Word(ch) => {
                sink.push_char(ch);
                if !end_word(sink, &mut Some(at), at + len) {
                    return;
                }
            }
        }
        at += len;
    }
    end_word(sink, &mut start, bytes.len());
}

/// Ends the word begun, if one is. Returns whether to go on.
#[inline(always)]
fn end_word(sink: &mut impl Sink, start: &mut Option<usize>, end: usize) -> bool {
    start.take().is_none_or(|start| sink.end_word(WordPlace { start, end, before: 0 }))
}

/// What a character does to words.
enum Kind {
    /// Ends them.
    Parts,
    /// Belongs to one.
    Letter(char),
    /// Is one.
    Word(char),
}

/// The character of several bytes at `at`: its length and what it does.
fn long_character(text: &str, at: usize) -> (usize, Kind) {
    let ch = text[at..].chars().next().expect("a scan stands between characters");
    let kind = match ch {
        // Full-width forms of ASCII stand at a fixed distance.
        '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}' => {
            #[expect(clippy::cast_possible_truncation, reason = "a letter or digit of ASCII")]
            let ascii = (ch as u32 - 0xFF01 + 0x21) as u8;
            Kind::Letter(char::from(ascii))
        }
        _ if is_word_alone(ch) => Kind::Word(ch),
        _ if ch.is_alphanumeric() || is_combining_mark(ch) => Kind::Letter(ch),
        _ => Kind::Parts,
    };
    (ch.len_utf8(), kind)
}

/// Whether `ch` belongs to a script written without spaces, or to Hangul, whose words are long.
fn is_word_alone(ch: char) -> bool {
    matches!(ch,
        '\u{3040}'..='\u{30FF}'      // Hiragana and Katakana
        | '\u{3400}'..='\u{4DBF}'    // Han, extension A
        | '\u{4E00}'..='\u{9FFF}'    // Han
        | '\u{AC00}'..='\u{D7AF}'    // Hangul syllables
        | '\u{F900}'..='\u{FAFF}'    // Han, compatibility
        | '\u{20000}'..='\u{323AF}'  // Han, extensions B to H
    ) && ch.is_alphanumeric()
}
