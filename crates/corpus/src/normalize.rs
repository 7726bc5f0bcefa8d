//! One spelling for the same text.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Brings `text` to one form without touching what it says.
///
/// Unicode NFC; line ends become `\n`; control, zero-width and other invisible characters go;
/// every other space becomes a plain one and the no-break hyphen a hyphen; white space at the
/// end of lines goes; more than one blank line becomes one; the text neither starts nor ends with
/// a blank line. Indentation, tabs at the start of a line and spaces inside a line stay, because
/// Markdown lists, tables and code need them. Joiners stay between emoji and in scripts that
/// spell with them.
///
/// The result is a fixed point: normalizing it again changes nothing. Most texts are one already
/// and are handed back.
pub fn normalize(text: &str) -> Cow<'_, str> {
    match characters(text) {
        Cow::Borrowed(text) => lines(text),
        Cow::Owned(text) => match lines(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text),
        },
    }
}

/// What has to be done to the characters of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Some are none that stay; none composes with another one.
    Mapping,
    /// Some may compose with others.
    Composing,
}

/// The text in NFC, with one spelling of spaces and line ends, without what is invisible.
fn characters(text: &str) -> Cow<'_, str> {
    let need = need(text);
    if need == Need::Nothing {
        return Cow::Borrowed(text);
    }
    let has_returns = text.contains('\r');
    let unified = if has_returns { text.replace("\r\n", "\n").into() } else { Cow::from(text) };
    if need == Need::Mapping {
        return Cow::Owned(mapped(unified.chars(), text.len()));
    }
    // Removing a character between two that compose makes them neighbours.
    Cow::Owned(mapped(unified.nfc(), text.len()).nfc().collect())
}

fn need(text: &str) -> Need {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    let (mut need, mut rest) = (Need::Nothing, text);
    while let Some(at) = rest.as_bytes().iter().position(|byte| !is_plain(byte)) {
        rest = &rest[at..];
        let Some(ch) = rest.chars().next() else { break };
        if !is_inert(ch) {
            return Need::Composing;
        }
        if map_char(ch, None) != Some(ch) {
            need = Need::Mapping;
        }
        rest = &rest[ch.len_utf8()..];
    }
    need
}

fn mapped(chars: impl Iterator<Item = char>, capacity: usize) -> String {
    let mut plain = String::with_capacity(capacity);
    let mut before = None;
    for ch in chars {
        if let Some(kept) = map_char(ch, before) {
            plain.push(kept);
            before = Some(kept);
        }
    }
    plain
}

/// The text without white space at the ends of lines, and with one blank line at most in a row and
/// none at its ends.
fn lines(text: &str) -> Cow<'_, str> {
    let mut blank = true;
    let mut is_tidy = |line: &str| {
        let was_blank = std::mem::replace(&mut blank, line.is_empty());
        line.len() == line.trim_end().len() && !(was_blank && line.is_empty())
    };
    let is_whole = text.is_empty() || text.split('\n').all(&mut is_tidy) && !text.ends_with('\n');
    if is_whole {
        return Cow::Borrowed(text);
    }
    let mut lines: Vec<&str> = Vec::new();
    for line in text.split('\n').map(str::trim_end) {
        let repeats_blank = line.is_empty() && lines.last().is_none_or(|last| last.is_empty());
        if !repeats_blank {
            lines.push(line);
        }
    }
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    Cow::Owned(lines.join("\n"))
}

/// Whether the character stays as it is in NFC and composes with no other one like it: most letters
/// of Latin, Greek and Cyrillic, punctuation, Chinese, Japanese and Korean, and emoji.
fn is_inert(ch: char) -> bool {
    matches!(ch,
        '\0'..='\u{2FF}'
        | '\u{388}'..='\u{482}'
        | '\u{48A}'..='\u{52F}'
        | '\u{2002}'..='\u{206F}'
        | '\u{20A0}'..='\u{20C0}'
        | '\u{2190}'..='\u{2328}'
        | '\u{2500}'..='\u{27BF}'
        | '\u{3000}'..='\u{3029}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30A1}'..='\u{30FA}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{FF01}'..='\u{FFEE}'
        | '\u{1F300}'..='\u{1FAFF}')
}

/// What stands for `ch` after `before`; `None` if it is invisible.
fn map_char(ch: char, before: Option<char>) -> Option<char> {
    match ch {
        '\n' | '\t' => Some(ch),
        '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' => Some(' '),
        '\u{2011}' => Some('-'),
        // Zero-width non-joiner and joiner spell words in Persian and Indic scripts and tie emoji.
        '\u{200C}' | '\u{200D}' => before.filter(|&last| needs_joiner(last)).map(|_| ch),
        '\u{AD}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}' => None,
        _ if ch.is_control() => None,
        _ => Some(ch),
    }
}

/// Whether a joiner after `ch` can carry meaning.
fn needs_joiner(ch: char) -> bool {
    matches!(ch, '\u{600}'..='\u{DFF}' | '\u{2600}'..='\u{27BF}' | '\u{FE0F}'
        | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(normalize(text), expected, "from {text:?}");
    }

    #[test]
    fn invisible_characters_and_spaces_are_unified() {
        check("caf\u{65}\u{301}", "caf\u{e9}");
        check("a\u{200B}b\u{FEFF}c\u{AD}d\u{202E}e", "abcde");
        check("non\u{2011}sufficient\u{A0}funds", "non-sufficient funds");
        check("nul\u{0}bell\u{7}", "nulbell");
        check("全角　空格", "全角　空格");
        check("👩\u{200D}🚀 x\u{200D}y", "👩\u{200D}🚀 xy");
    }

    #[test]
    fn inert_characters_have_one_form() {
        use unicode_normalization::char::canonical_combining_class;
        use unicode_normalization::{IsNormalized, is_nfc_quick};
        for ch in ('\0'..=char::MAX).filter(|ch| is_inert(*ch)) {
            let is_nfc = is_nfc_quick(std::iter::once(ch)) == IsNormalized::Yes;
            assert!(is_nfc && canonical_combining_class(ch) == 0, "U+{:04X}", u32::from(ch));
        }
    }

    #[test]
    fn texts_in_their_form_are_handed_back() {
        for text in ["", "a", "# Fees\n\n- one\n  - two", "\tcode\n文\n\né – “q”"] {
            assert!(matches!(normalize(text), Cow::Borrowed(_)), "{text:?}");
        }
        for text in ["\n", "a ", "a\n", "a\n\n\nb", "\na", "a\r\nb", "e\u{301}", "a\u{200B}"] {
            assert!(matches!(normalize(text), Cow::Owned(_)), "{text:?}");
        }
    }

    #[test]
    fn markdown_structure_stays() {
        check(
            "# Fees\r\n\r\n\r\n- one  \n  - two\n\n\n\n| a  |  b |\n",
            "# Fees\n\n- one\n  - two\n\n| a  |  b |",
        );
        check("\n\n  code\n\tmore\n", "  code\n\tmore");
        check(" \n\t\n", "");
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(text in "\\PC{0,40}|[\\x00-\\x20e\u{301}\u{200B}\u{200D}\u{a0}\u{2028}]{0,40}") {
            let once = normalize(&text);
            prop_assert_eq!(&normalize(&once), &once);
        }

        #[test]
        fn what_is_passed_over_would_not_have_changed(
            text in "\\PC{0,20}|[ -~\n\u{a0}é文\r\u{2028}\u{200B}\u{1F680}\u{200D}]{0,40}|[\x00-\x7f]{0,40}",
        ) {
            // All of it, whatever there is to do.
            let unified = text.replace("\r\n", "\n");
            let plain: String = mapped(unified.nfc(), 0).nfc().collect();
            prop_assert_eq!(characters(&text), plain);
        }
    }
}
