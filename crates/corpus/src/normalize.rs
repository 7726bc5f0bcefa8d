//! One spelling for the same text.

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
/// The result is a fixed point: normalizing it again changes nothing.
pub fn normalize(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut before = None;
    let unified = text.replace("\r\n", "\n");
    for ch in unified.nfc() {
        if let Some(kept) = map_char(ch, before) {
            plain.push(kept);
            before = Some(kept);
        }
    }
    // Removing a character between two that compose makes them neighbours.
    let plain: String = plain.nfc().collect();
    let mut lines: Vec<&str> = Vec::new();
    for line in plain.split('\n').map(str::trim_end) {
        let repeats_blank = line.is_empty() && lines.last().is_none_or(|last| last.is_empty());
        if !repeats_blank {
            lines.push(line);
        }
    }
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines.join("\n")
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
            prop_assert_eq!(normalize(&once), once);
        }
    }
}
