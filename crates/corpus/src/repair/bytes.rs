//! Bytes that are nearly UTF-8.

use regex::bytes::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Sequences that would be UTF-8 if their space were byte 0xA0, the no-break space. The second
/// byte of common short sequences (0x85 and 0xA0) would make too many of them.
static ALTERED: LazyLock<Regex> = LazyLock::new(|| {
    let follow = r"[\x80-\x84\x86-\x9f\xa1-\xbf]";
    let pattern = [
        r"[\xc2\xc3\xc5\xce\xd0\xd9] ".to_owned(),
        format!(r"[\xe2\xe3] {follow}"),
        format!(r"[\xe0-\xe3]{follow} "),
        r"\xf0 [\x80-\xbf][\x80-\xbf]".to_owned(),
        r"\xf0[\x80-\xbf] [\x80-\xbf]".to_owned(),
        r"\xf0[\x80-\xbf][\x80-\xbf] ".to_owned(),
    ];
    Regex::new(&format!("(?-u:{})", pattern.join("|"))).expect("the pattern above is sound")
});

/// Sequences of UTF-8 in which bytes were lost: 0x1A stands for each, or a question mark.
static LOSSY: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = [
        r"[\xc2-\xdf]\x1a",
        r"[\xc2-\xc3]\?",
        r"\xed[\xa0-\xaf][\x1a?]\xed[\xb0-\xbf][\x1a?\x80-\xbf]",
        r"\xed[\xa0-\xaf][\x1a?\x80-\xbf]\xed[\xb0-\xbf][\x1a?]",
        r"[\xe0-\xef][\x1a?][\x1a\x80-\xbf]",
        r"[\xe0-\xef][\x1a\x80-\xbf][\x1a?]",
        r"[\xf0-\xf4][\x1a?][\x1a\x80-\xbf][\x1a\x80-\xbf]",
        r"[\xf0-\xf4][\x1a\x80-\xbf][\x1a?][\x1a\x80-\xbf]",
        r"[\xf0-\xf4][\x1a\x80-\xbf][\x1a\x80-\xbf][\x1a?]",
        r"\x1a",
    ];
    Regex::new(&format!("(?-u:{})", pattern.join("|"))).expect("the pattern above is sound")
});

/// Puts byte 0xA0 back where it became a space; `None` if it did nowhere.
pub(super) fn restore_spaces(bytes: &[u8]) -> Option<Vec<u8>> {
    if !ALTERED.is_match(bytes) {
        return None;
    }
    let words = restore_a_grave(bytes);
    let restored = ALTERED.replace_all(&words, |found: &Captures<'_>| {
        found[0].iter().map(|&byte| if byte == b' ' { 0xA0 } else { byte }).collect::<Vec<u8>>()
    });
    (restored != bytes).then(|| restored.into_owned())
}

/// The word `à` of French, Italian and Portuguese lost its second byte and not the space after
/// it, unless one of these follows, which are words of their own with it.
fn restore_a_grave(bytes: &[u8]) -> Vec<u8> {
    const JOINED: [&[u8]; 5] = [b" ", b"quele", b"quela", b"quilo", b"s "];
    let mut restored = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        restored.push(byte);
        rest = after;
        if byte == 0xC3
            && let Some(follows) = after.strip_prefix(b" ")
            && !JOINED.iter().any(|joined| follows.starts_with(joined))
        {
            restored.extend_from_slice(b"\xA0 ");
            rest = follows;
        }
    }
    restored
}

/// Puts a replacement character in place of each sequence that lost bytes; `None` if none did.
pub(super) fn replace_lossy(bytes: &[u8]) -> Option<Vec<u8>> {
    match LOSSY.replace_all(bytes, "\u{FFFD}".as_bytes()) {
        Cow::Borrowed(_) => None,
        Cow::Owned(replaced) => Some(replaced),
    }
}

/// Reads UTF-8, and its variants that write U+0000 in two bytes or a character beyond U+FFFF as
/// two surrogates (CESU-8); `None` if it is neither.
pub(super) fn decode(bytes: Vec<u8>) -> Option<String> {
    let plain = if bytes.iter().any(|&byte| matches!(byte, 0xED | 0xC0)) {
        plain_utf8(&bytes)
    } else {
        bytes
    };
    String::from_utf8(plain).ok()
}

fn plain_utf8(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match rest {
            [0xC0, 0x80, tail @ ..] => {
                plain.push(0);
                rest = tail;
            }
            &[
                0xED,
                b1 @ 0xA0..=0xAF,
                b2 @ 0x80..=0xBF,
                0xED,
                b4 @ 0xB0..=0xBF,
                b5 @ 0x80..=0xBF,
                ref tail @ ..,
            ] => {
                let bits = |byte: u8, mask: u8, shift: u32| u32::from(byte & mask) << shift;
                let high = bits(b1, 0x0F, 16) | bits(b2, 0x3F, 10);
                let code = high + bits(b4, 0x0F, 6) + bits(b5, 0x3F, 0) + 0x10000;
                let ch = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                plain.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail;
            }
            _ => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}
