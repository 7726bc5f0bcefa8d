//! Texts without what two copies may differ in: case and white space.
//!
//! ASCII goes eight bytes at a time, as the bytes of one number; none of them is above 127, so no
//! sum of two reaches the byte beside it.

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each.
const HIGH: u64 = 0x80 * EACH;
/// A space in each.
const SPACES: u64 = b' ' as u64 * EACH;

/// Sets `out` to `text` in small letters, any white space as one space, none at its ends.
pub(super) fn loosen(text: &str, out: &mut Vec<u8>) {
    out.clear();
    let mut rest = text;
    while !rest.is_empty() {
        let (ascii, others) = rest.split_at(ascii_bytes(rest.as_bytes()));
        push_ascii(out, ascii.as_bytes());
        rest = others;
        while let Some(ch) = rest.chars().next().filter(|ch| !ch.is_ascii()) {
            push_char(out, ch);
            rest = &rest[ch.len_utf8()..];
        }
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
}

/// How many bytes from the beginning on are ASCII.
fn ascii_bytes(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (word, at) in words.iter().zip((0..).step_by(8)) {
        let beyond = u64::from_le_bytes(*word) & HIGH;
        if beyond != 0 {
            return at + beyond.trailing_zeros() as usize / 8;
        }
    }
    let ascii = rest.iter().take_while(|byte| byte.is_ascii()).count();
    bytes.len() - rest.len() + ascii
}

/// Adds ASCII. Eight bytes without two spaces in a row, which most are, need no look at each.
fn push_ascii(out: &mut Vec<u8>, piece: &[u8]) {
    let mut at = out.len();
    let mut before = out.last().copied().unwrap_or(b' ');
    out.resize(at + piece.len(), 0);
    let (words, rest) = piece.as_chunks::<8>();
    for word in words {
        let word = loosened(u64::from_le_bytes(*word));
        let spaces = !((word ^ SPACES) + 0x7F * EACH) & HIGH;
        let bytes = word.to_le_bytes();
        let after_space = u64::from(before == b' ') << 7;
        if spaces & (spaces << 8 | after_space) == 0 {
            out[at..at + 8].copy_from_slice(&bytes);
            at += 8;
            before = bytes[7];
        } else {
            push_apart(out, &mut at, &mut before, &bytes);
        }
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let last = loosened(u64::from_le_bytes(last)).to_le_bytes();
    push_apart(out, &mut at, &mut before, &last[..rest.len()]);
    out.truncate(at);
}

/// Puts each of `bytes` at its place, without a space behind another one.
#[inline]
fn push_apart(out: &mut [u8], at: &mut usize, before: &mut u8, bytes: &[u8]) {
    for byte in bytes {
        out[*at] = *byte;
        *at += usize::from(*byte != b' ' || *before != b' ');
        *before = *byte;
    }
}

/// Eight bytes of ASCII with small letters for capital ones and spaces for white space.
#[inline]
fn loosened(word: u64) -> u64 {
    // The highest bit of each byte that is one of these or a greater one.
    let from = |byte: u8| (word + u64::from(0x80 - byte) * EACH) & HIGH;
    let small = word | (from(b'A') & !from(b'Z' + 1)) >> 2;
    let white = (from(b'\t') & !from(b'\r' + 1)) >> 7;
    let white = white * 0xFF;
    small & !white | white & SPACES
}

/// Adds a character beyond ASCII.
fn push_char(out: &mut Vec<u8>, ch: char) {
    let mut utf8 = [0; 4];
    if ch.is_whitespace() {
        if out.last().is_some_and(|last| *last != b' ') {
            out.push(b' ');
        }
    } else if is_caseless(ch) {
        out.extend_from_slice(ch.encode_utf8(&mut utf8).as_bytes());
    } else {
        for small in ch.to_lowercase() {
            out.extend_from_slice(small.encode_utf8(&mut utf8).as_bytes());
        }
    }
}

/// Whether the character is of a script without case: Chinese, Japanese, Korean.
fn is_caseless(ch: char) -> bool {
    matches!(ch, '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, character by character.
    fn plain(text: &str) -> String {
        let words: Vec<&str> =
            text.split(char::is_whitespace).filter(|one| !one.is_empty()).collect();
        words.join(" ").chars().flat_map(char::to_lowercase).collect()
    }

    fn check(text: &str) {
        let mut out = Vec::new();
        loosen(text, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), plain(text), "{text:?}");
    }

    #[test]
    fn white_space_and_case_go_wherever_they_stand() {
        for text in ["", " ", "\n\n", "A", " a  B\t\n", "\u{B}x\u{C}Y", "Straße\u{3000} ÉTÉ\u{85}"]
        {
            check(text);
        }
        let long = "Many Words  in a LINE that is longer than eight bytes,\n\tAnd more. ";
        for start in 0..32 {
            check(&format!("{}{}", &long[start..], long.repeat(3)));
            check(&format!("{}文 É{}", &long[start..], &long[..start]));
        }
    }

    #[test]
    fn scripts_without_case_have_none() {
        for ch in ('\u{80}'..=char::MAX).filter(|ch| is_caseless(*ch)) {
            assert!(ch.to_lowercase().eq([ch]), "{ch}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_as_its_words_in_small_letters(text in "[ -~\t\n\u{B}É文\u{3000}]{0,200}") {
            check(&text);
        }
    }
}
