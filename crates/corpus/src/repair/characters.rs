//! Repairs of single characters.

use unicode_normalization::UnicodeNormalization;

/// The letters of a Latin ligature that is one character.
pub(super) fn ligature(ch: char) -> Option<&'static str> {
    Some(match ch {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "ʼn",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Whether a character is a wide or narrow form, or the wide space.
pub(super) fn is_form(ch: char) -> bool {
    ch == '\u{3000}' || (matches!(ch, '\u{FF01}'..='\u{FFEF}') && usual_width(ch).ne([ch]))
}

/// A form in its usual width.
pub(super) fn usual_width(ch: char) -> impl Iterator<Item = char> {
    std::iter::once(ch).nfkc()
}

/// The straight quote for a curly one.
pub(super) fn straight_quote(ch: char) -> Option<char> {
    match ch {
        '\u{2BC}' | '\u{2018}'..='\u{201B}' => Some('\''),
        '\u{201C}'..='\u{201F}' => Some('"'),
        _ => None,
    }
}

/// Control characters that no text means: ASCII ones that are no white space, deprecated format
/// controls, annotation marks and the byte order mark. Joiners and marks of direction stay.
pub(super) fn is_control(ch: char) -> bool {
    matches!(ch, '\0'..='\u{8}' | '\u{B}' | '\u{E}'..='\u{1F}' | '\u{7F}'
        | '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}')
}

/// Takes out terminal escape sequences: escape, `[`, numbers, a letter. `None` if there are none.
pub(super) fn without_terminal_escapes(line: &str) -> Option<String> {
    let mut plain = String::new();
    let mut copied = 0;
    for (start, found) in line.match_indices("\u{1B}[") {
        let numbers = start + found.len();
        let is_number = |&byte: &u8| byte.is_ascii_digit() || byte == b';';
        let rest = &line.as_bytes()[numbers..];
        let len = rest.iter().take_while(|byte| is_number(byte)).count();
        if rest.get(len).is_some_and(u8::is_ascii_alphabetic) {
            plain.push_str(&line[copied..start]);
            copied = numbers + len + 1;
        }
    }
    if copied == 0 {
        return None;
    }
    plain.push_str(&line[copied..]);
    Some(plain)
}
