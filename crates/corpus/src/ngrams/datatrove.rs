//! Words as DataTrove's `simplify_text` spells them.

use super::sink::{Sink, WordPlace};
use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters beyond ASCII that become spaces, beside the control characters to U+009F. In ASCII
/// every character that is neither a letter nor a digit does.
const PARTING: &str = "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～";
/// Characters that stand between the digits of one number, beyond `.` and `,`.
const POINTS: &str = "،٫⎖⎗⎘";

static DECIMAL_DIGIT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\p{Nd}$").expect("the pattern is constant"));
static NON_SPACING_MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\p{Mn}$").expect("the pattern is constant"));

/// Sends every word of `text` to `sink` until it wants no more.
///
/// No rule looks across ASCII white space, so a piece between two such spaces that is ASCII takes
/// a short way; words of other pieces have the whole piece as their place.
#[inline]
pub(super) fn scan(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        if is_space(bytes[start]) {
            start += 1;
            continue;
        }
        let mut end = start;
        let mut seen = 0;
        while end < bytes.len() && !is_space(bytes[end]) {
            seen |= bytes[end];
            end += 1;
        }
        let more = if seen.is_ascii() {
            ascii_piece(bytes, start, end, sink)
        } else {
            any_piece(text, start, end, sink)
        };
        if !more {
            return;
        }
        start = end;
    }
}

#[inline(always)]
fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t'..=b'\r').contains(&byte)
}

/// The words of an ASCII piece, each at its own place. Returns whether to go on.
#[inline]
fn ascii_piece(bytes: &[u8], start: usize, end: usize, sink: &mut impl Sink) -> bool {
    let mut at = start;
    let mut word = None;
    while at < end {
        let byte = bytes[at];
        if byte.is_ascii_digit() {
            word.get_or_insert(at);
            at = ascii_number_end(bytes, at, end);
            sink.push(b'0');
            continue;
        }
        if byte.is_ascii_alphabetic() {
            word.get_or_insert(at);
            sink.push(byte.to_ascii_lowercase());
        } else if let Some(start) = word.take()
            && !sink.end_word(WordPlace { start, end: at, before: 0 })
        {
            return false;
        }
        at += 1;
    }
    word.is_none_or(|start| sink.end_word(WordPlace { start, end, before: 0 }))
}

/// Where the number that begins at `at` ends: digits, and once a point and more digits.
#[inline]
fn ascii_number_end(bytes: &[u8], at: usize, end: usize) -> usize {
    let digits_end = |from: usize| {
        bytes[from..end].iter().position(|byte| !byte.is_ascii_digit()).map_or(end, |n| from + n)
    };
    let whole = digits_end(at);
    let has_point = whole < end && matches!(bytes[whole], b'.' | b',');
    if has_point && bytes[whole + 1..end].first().is_some_and(u8::is_ascii_digit) {
        return digits_end(whole + 1);
    }
    whole
}

/// The words of any piece. Returns whether to go on.
fn any_piece(text: &str, start: usize, end: usize, sink: &mut impl Sink) -> bool {
    // Lower case looks at neighbours: a sigma at the end of a word has a form of its own.
    let lower = text[start..end].to_lowercase();
    let mut word = String::new();
    let mut place = WordPlace { start, end, before: 0 };
    let mut rest = lower.as_str();
    while let Some(ch) = rest.chars().next() {
        if is_digit(ch) {
            word.push('0');
            rest = after_number(rest);
            continue;
        }
        if !is_parting(ch) {
            word.push(ch);
        } else if !end_word(&mut word, &mut place, sink) {
            return false;
        }
        rest = &rest[ch.len_utf8()..];
    }
    end_word(&mut word, &mut place, sink)
}

/// Sends `word` without its diacritics and empties it. Returns whether to go on.
fn end_word(word: &mut String, place: &mut WordPlace, sink: &mut impl Sink) -> bool {
    let mut is_empty = true;
    for ch in word.nfd() {
        if !(is_combining_mark(ch) && is_non_spacing(ch)) {
            is_empty = false;
            sink.push_char(ch);
        }
    }
    word.clear();
    if is_empty {
        return true;
    }
    let more = sink.end_word(*place);
    place.before += 1;
    more
}

/// What follows the number at the start of `text`.
fn after_number(text: &str) -> &str {
    let rest = text.trim_start_matches(is_digit);
    let mut chars = rest.chars();
    let point = chars.next().filter(|&ch| ch == '.' || ch == ',' || POINTS.contains(ch));
    match (point, chars.next()) {
        (Some(_), Some(digit)) if is_digit(digit) => {
            rest[point.map_or(0, char::len_utf8)..].trim_start_matches(is_digit)
        }
        _ => rest,
    }
}

fn is_parting(ch: char) -> bool {
    if ch.is_ascii() {
        return !ch.is_ascii_alphanumeric();
    }
    ch < '\u{A0}' || ch.is_whitespace() || PARTING.contains(ch)
}

fn is_digit(ch: char) -> bool {
    ch.is_ascii_digit() || (!ch.is_ascii() && ch.is_numeric() && is_one(&DECIMAL_DIGIT, ch))
}

fn is_non_spacing(ch: char) -> bool {
    is_one(&NON_SPACING_MARK, ch)
}

fn is_one(class: &Regex, ch: char) -> bool {
    class.is_match(ch.encode_utf8(&mut [0; 4]))
}
