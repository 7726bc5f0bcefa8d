//! The split of one chunk, without the cache.

use super::affixes::{prefix_length, suffix_length};
use super::characters::{is_alpha, is_icon, is_lower, is_quote, is_upper};
use super::exceptions::Exceptions;
use super::url::is_address;

/// Splits a chunk into words; appends the byte offset after each to `ends`.
///
/// Affixes are peeled off both ends in turn until none is left or the rest is an exception; the
/// rest is an exception, an address, or cut at its infixes. Without `exceptions`, none applies.
pub(super) fn split_chunk(chunk: &str, exceptions: Option<&Exceptions>, ends: &mut Vec<u32>) {
    let find = |text: &str| exceptions.and_then(|all| all.get(text));
    if chunk.bytes().all(|byte| byte.is_ascii_alphabetic()) && find(chunk).is_none() {
        // Letters alone have no affix to peel off and no place to cut.
        return ends.push(offset(chunk.len()));
    }
    let mut start = 0;
    let mut end = chunk.len();
    let mut suffix_starts = Vec::new();
    while start < end && find(&chunk[start..end]).is_none() {
        let prefix = prefix_length(&chunk[start..end]);
        if prefix > 0 && find(&chunk[start + prefix..end]).is_some() {
            start += prefix;
            ends.push(offset(start));
            break;
        }
        let suffix = suffix_length(&chunk[start + prefix..end]);
        if suffix > 0 && find(&chunk[start..end - suffix]).is_some() {
            end -= suffix;
            suffix_starts.push(offset(end));
            break;
        }
        if prefix == 0 && suffix == 0 {
            break;
        }
        if prefix > 0 {
            start += prefix;
            ends.push(offset(start));
        }
        if suffix > 0 {
            end -= suffix;
            suffix_starts.push(offset(end));
        }
    }
    let rest = &chunk[start..end];
    if let Some(parts) = find(rest) {
        let mut at = offset(start);
        ends.extend(parts.iter().map(|length| {
            at += u32::from(*length);
            at
        }));
    } else if is_address(rest) {
        ends.push(offset(end));
    } else if !rest.is_empty() {
        split_infixes(rest, start, ends);
    }
    // Suffixes were found from the outside in; each ends where the one before it starts.
    if !suffix_starts.is_empty() {
        ends.extend(suffix_starts.iter().rev().skip(1));
        ends.push(offset(chunk.len()));
    }
}

/// Cuts a text at its infixes; `base` is its offset in the chunk.
fn split_infixes(text: &str, base: usize, ends: &mut Vec<u32>) {
    let mut start = 0;
    let mut at = 0;
    let mut previous = None;
    while let Some(character) = text[at..].chars().next() {
        let length = infix_length(&text[at..], character, previous);
        // An infix at the very start is passed over.
        if length > 0 && at > 0 {
            if at > start {
                ends.push(offset(base + at));
            }
            ends.push(offset(base + at + length));
            start = at + length;
        }
        let passed = if length > 0 { length } else { character.len_utf8() };
        at += passed;
        previous = if length > 0 { text[..at].chars().next_back() } else { Some(character) };
    }
    if start < text.len() {
        ends.push(offset(base + text.len()));
    }
}

/// Bytes of the infix at the start of the text, 0 for none; `first` is the text's first
/// character, `previous` the one before it.
fn infix_length(text: &str, first: char, previous: Option<char>) -> usize {
    if first.is_ascii_alphanumeric() {
        return 0;
    }
    let rest = &text[first.len_utf8()..];
    let before = |class: fn(char) -> bool| previous.is_some_and(class);
    let after = |text: &str, class: fn(char) -> bool| text.chars().next().is_some_and(class);
    let digit = |character: char| character.is_ascii_digit();
    match first {
        '.' if rest.starts_with('.') => text.bytes().take_while(|byte| *byte == b'.').count(),
        '.' => {
            let cut = before(|previous| is_lower(previous) || is_quote(previous))
                && after(rest, |next| is_upper(next) || is_quote(next));
            usize::from(cut)
        }
        '+' | '-' | '*' | '^'
            if before(digit) && after(rest, |next| next.is_ascii_digit() || next == '-') =>
        {
            1
        }
        ',' => usize::from(before(is_alpha) && after(rest, is_alpha)),
        '-' | '–' | '—' | '~' if before(is_alpha_or_digit) => hyphen_length(text, first),
        ':' | '<' | '>' | '=' | '/' => {
            usize::from(before(is_alpha_or_digit) && after(rest, is_alpha))
        }
        '…' => first.len_utf8(),
        _ if is_icon(first) => first.len_utf8(),
        _ => 0,
    }
}

fn is_alpha_or_digit(character: char) -> bool {
    character.is_ascii_digit() || is_alpha(character)
}

/// Bytes of the hyphens at the start of the text, if a letter follows and they are few enough:
/// three of `-`, two of `—`, one of the others.
fn hyphen_length(text: &str, hyphen: char) -> usize {
    let most = match hyphen {
        '-' => 3,
        '—' => 2,
        _ => 1,
    };
    let rest = text.trim_start_matches(hyphen);
    let length = text.len() - rest.len();
    let few = length <= most * hyphen.len_utf8();
    if few && rest.chars().next().is_some_and(is_alpha) { length } else { 0 }
}

/// The offset as it is stored; a text is no longer than such an offset can say.
pub(super) fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a text is cut to the longest length an offset can say")
}
