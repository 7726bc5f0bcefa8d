//! Strings as Python cuts them, because the tools we agree with are written in it.

use crate::classes::long_space_bytes;
pub(crate) use crate::words::is_space;

/// Python's `str.strip`.
pub(crate) fn strip(text: &str) -> &str {
    strip_start(strip_end(text))
}

/// Python's `str.lstrip`.
pub(crate) fn strip_start(text: &str) -> &str {
    match text.as_bytes().first() {
        Some(b'!'..=b'~') => text,
        _ => text.trim_start_matches(is_space),
    }
}

/// Python's `str.rstrip`.
pub(crate) fn strip_end(text: &str) -> &str {
    match text.as_bytes().last() {
        Some(b'!'..=b'~') => text,
        _ => text.trim_end_matches(is_space),
    }
}

/// Python's `len` of a text.
#[inline]
pub(crate) fn length(text: &str) -> usize {
    text.as_bytes().iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

/// Whether Python's `str.splitlines` cuts at `ch`.
fn ends_line(ch: char) -> bool {
    matches!(
        ch,
        '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Calls `each` with start and end of every line that Python's `str.splitlines` gives.
pub(crate) fn split_lines(text: &str, mut each: impl FnMut(usize, usize)) {
    let mut start = 0;
    let mut after_return = false;
    for (at, ch) in text.char_indices() {
        if ch == '\n' && after_return && start == at {
            start = at + 1;
            after_return = false;
            continue;
        }
        after_return = ch == '\r';
        if ends_line(ch) {
            each(start, at);
            start = at + ch.len_utf8();
        }
    }
    if start < text.len() {
        each(start, text.len());
    }
}

/// How many bytes the white space at `bytes[at]` has; 0 if something else stands there.
#[inline]
pub(crate) fn space_bytes(bytes: &[u8], at: usize) -> usize {
    match bytes[at] {
        b'\t'..=b'\r' | 0x1C..=0x20 => 1,
        0..0x80 => 0,
        _ => long_space_bytes(bytes, at),
    }
}

/// Calls `each` with start and end of every piece that Python's `str.split()` gives.
pub(crate) fn split_words(text: &str, mut each: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let space = space_bytes(bytes, at);
        if space > 0 {
            at += space;
            continue;
        }
        let start = at;
        while at < bytes.len() && !starts_space(bytes, at) {
            at += 1;
        }
        each(start, at);
    }
}

/// Whether white space stands at `at`, where most bytes are letters of ASCII.
#[inline]
fn starts_space(bytes: &[u8], at: usize) -> bool {
    let byte = bytes[at];
    if byte > b' ' && byte < 0xC2 {
        return false;
    }
    space_bytes(bytes, at) > 0
}
