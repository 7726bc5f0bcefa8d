//! Sizes and classes of characters.

use super::layout::Layout;
use super::measure::{measure_table, ratio};
use crate::classes::{ALPHABETIC, HAN, LETTER, NUMBER, SPACE, SPECIALLY};
use serde::{Deserialize, Serialize};

/// What NeMo counts as alphanumeric besides letters and digits of ASCII.
const NEMO_ALSO_ALPHANUMERIC: &[u8] = b"\n?!,.";
/// What NeMo counts as white space.
const NEMO_SPACE: &[u8] = b"\t\n\r\x08 ";

/// Counts of characters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CharacterCounts {
    bytes: u64,
    pub(super) chars: u64,
    letters: u64,
    alphabetic: u64,
    alphanumeric: u64,
    decimals: u64,
    space: u64,
    pub(super) newlines: u64,
    special: u64,
    han: u64,
    pub(super) hashes: u64,
    pub(super) ellipses: u64,
    curly_brackets: u64,
    nemo_alphanumeric: u64,
    nemo_space: u64,
    nemo_brackets: u64,
    full_width: u64,
}

impl CharacterCounts {
    pub(super) fn count(text: &str, layout: &Layout) -> Self {
        let histogram = &layout.histogram;
        let letters = histogram.count(LETTER);
        let alphanumeric_ascii: u64 = (0..128u8)
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| u64::from(histogram.ascii[usize::from(byte)]))
            .sum();
        let mut counts = Self {
            bytes: text.len() as u64,
            chars: layout.chars as u64,
            letters,
            alphabetic: histogram.count(ALPHABETIC),
            alphanumeric: letters + histogram.count(NUMBER),
            decimals: histogram.count_of(b"0123456789"),
            space: histogram.count(SPACE),
            newlines: histogram.count_of(b"\n"),
            special: histogram.count(SPECIALLY),
            han: histogram.count(HAN),
            hashes: histogram.count_of(b"#"),
            ellipses: 0,
            curly_brackets: histogram.count_of(b"{"),
            nemo_alphanumeric: alphanumeric_ascii + histogram.count_of(NEMO_ALSO_ALPHANUMERIC),
            nemo_space: histogram.count_of(NEMO_SPACE),
            nemo_brackets: histogram.count_of(b"{}[]()"),
            full_width: 0,
        };
        if histogram.ascii[usize::from(b'.')] >= 3 {
            counts.ellipses = memchr::memmem::find_iter(text.as_bytes(), b"...").count() as u64;
        }
        if !layout.is_ascii {
            counts.count_rare(text);
        }
        counts
    }

    /// What only texts beyond ASCII can hold.
    fn count_rare(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.ellipses += memchr::memmem::find_iter(bytes, "…".as_bytes()).count() as u64;
        self.nemo_brackets += memchr::memmem::find_iter(bytes, "⟨".as_bytes()).count() as u64;
        self.nemo_brackets += memchr::memmem::find_iter(bytes, "⟩".as_bytes()).count() as u64;
        // Full-width forms of ASCII, U+FF01 to U+FF5E.
        self.full_width = memchr::memchr_iter(0xEF, bytes)
            .filter(|&at| {
                matches!((bytes[at + 1], bytes[at + 2]), (0xBC, 0x81..=0xBF) | (0xBD, 0x80..=0x9E))
            })
            .count() as u64;
    }
}

measure_table! { Characters, characters, |it, profile|
    "text.bytes", "Bytes of the text in UTF-8." => it.bytes as f64;
    "text.chars", "Characters of the text." => it.chars as f64;
    "text.letters", "Characters of general category L." => it.letters as f64;
    "text.alphanumeric_fraction", "Letters and numbers of any script by characters."
        => ratio(it.alphanumeric, it.chars);
    "text.alphabetic_fraction", "Characters with the property Alphabetic by characters."
        => ratio(it.alphabetic, it.chars);
    "text.digit_fraction", "Digits of ASCII by characters; 1 if empty."
        => one_if_empty(it.decimals, it.chars);
    "text.space_fraction", "White space by characters." => ratio(it.space, it.chars);
    "text.newlines", "Line feeds." => it.newlines as f64;
    "text.special_fraction", "Data-Juicer's special characters by characters."
        => ratio(it.special, it.chars);
    "text.han_fraction", "Han characters by characters that are not white space."
        => ratio(it.han, it.chars - it.space.min(it.chars));
    "text.full_width_fraction", "Full-width forms of ASCII by characters."
        => ratio(it.full_width, it.chars);
    "text.hashes", "Signs `#`." => it.hashes as f64;
    "text.ellipses", "Ellipses `...` and `…`." => it.ellipses as f64;
    "text.curly_brackets", "Opening curly brackets." => it.curly_brackets as f64;
    "text.nemo_other_fraction",
        "Characters other than ASCII letters, digits, `?!,.` and line feeds; 1 if empty."
        => one_if_empty(it.chars - it.nemo_alphanumeric, it.chars);
    "text.nemo_space_fraction", "Spaces, tabs, line feeds, returns, backspaces; 1 if empty."
        => one_if_empty(it.nemo_space, it.chars);
    "text.nemo_bracket_fraction", "Brackets `{}[]()⟨⟩` by characters; 1 if empty."
        => one_if_empty(it.nemo_brackets, it.chars);
}

/// `part / whole`, and all of nothing.
fn one_if_empty(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { ratio(part, whole) }
}
