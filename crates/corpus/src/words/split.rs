//! The split of one chunk, without the cache.

use super::affixes::{prefix_length, suffix_length};
use super::characters::{is_alpha, is_icon, is_lower, is_quote, is_upper};
use super::exceptions::Exceptions;
use super::url::is_address;
use crate::byte_map::AsciiBits;

/// Where the words of a chunk end.
#[derive(Default)]
pub(super) struct Ends {
    ends: Vec<u32>,
    /// Where suffixes start, from the last of the chunk on.
    suffix_starts: Vec<u32>,
}

impl Ends {
    /// The byte offset after each word.
    pub(super) fn offsets(&self) -> &[u32] {
        &self.ends
    }

    fn push(&mut self, end: usize) {
        self.ends.push(offset(end));
    }

    /// Cuts off what stands from `start` on.
    fn push_suffix(&mut self, start: usize) {
        self.suffix_starts.push(offset(start));
    }

    /// Suffixes were found from the outside in; each ends where the one before it starts.
    fn finish(&mut self, length: usize) {
        if !self.suffix_starts.is_empty() {
            self.ends.extend(self.suffix_starts.iter().rev().skip(1));
            self.push(length);
        }
    }
}

/// Splits a chunk into words, whose ends replace those in `ends`.
///
/// Affixes are peeled off both ends in turn until none is left or the rest is an exception; the
/// rest is an exception, an address, or cut at its infixes. Without `exceptions`, none applies.
/// `bits` are those of the chunk, if it is short and ASCII: they only tell where nothing need be
/// looked for.
pub(super) fn split_chunk(
    chunk: &str,
    bits: Option<AsciiBits>,
    exceptions: Option<&Exceptions>,
    ends: &mut Ends,
) {
    ends.ends.clear();
    ends.suffix_starts.clear();
    let find = |text: &str| exceptions.and_then(|all| all.get(text));
    if bits.is_some_and(AsciiBits::is_alphabetic) && find(chunk).is_none() {
        // Letters alone have no affix to peel off and no place to cut.
        return ends.push(chunk.len());
    }
    let mut start = 0;
    let mut end = chunk.len();
    while start < end && find(&chunk[start..end]).is_none() {
        let prefix = match bits.map(|bits| bits.part(start, end)) {
            Some(bits) if !may_have_prefix(bits, &chunk[start..end]) => 0,
            _ => prefix_length(&chunk[start..end]),
        };
        if prefix > 0 && find(&chunk[start + prefix..end]).is_some() {
            start += prefix;
            ends.push(start);
            break;
        }
        let suffix = match bits.map(|bits| bits.part(start + prefix, end)) {
            Some(bits) if !may_have_suffix(bits) => 0,
            _ => suffix_length(&chunk[start + prefix..end]),
        };
        if suffix > 0 && find(&chunk[start..end - suffix]).is_some() {
            end -= suffix;
            ends.push_suffix(end);
            break;
        }
        if prefix == 0 && suffix == 0 {
            break;
        }
        if prefix > 0 {
            start += prefix;
            ends.push(start);
        }
        if suffix > 0 {
            end -= suffix;
            ends.push_suffix(end);
        }
    }
    let rest = &chunk[start..end];
    let bits = bits.map(|bits| bits.part(start, end));
    if let Some(parts) = find(rest) {
        let mut at = start;
        for length in parts {
            at += usize::from(*length);
            ends.push(at);
        }
    } else if bits.is_none_or(AsciiBits::has_point) && is_address(rest) {
        ends.push(end);
    } else if !rest.is_empty() {
        match bits {
            Some(bits) => split_infixes(rest, start, bits.marks(), ends),
            None => split_infixes(rest, start, rest.char_indices().map(|(at, _)| at), ends),
        }
    }
    ends.finish(chunk.len());
}

/// Whether a prefix may be cut off: no letter or digit is one, but those of a dollar.
#[inline]
fn may_have_prefix(bits: AsciiBits, text: &str) -> bool {
    !bits.starts_alphanumeric() || matches!(text.as_bytes().first(), Some(b'U' | b'C' | b'A'))
}

/// Whether a suffix may be cut off: letters are one behind a digit or an apostrophe only, digits
/// never are.
#[inline]
fn may_have_suffix(bits: AsciiBits) -> bool {
    !bits.ends_alphanumeric() || bits.has_digit() || bits.has_point()
}

/// Cuts a text at its infixes, which stand at some of `places`; `base` is its offset in the chunk.
fn split_infixes(text: &str, base: usize, places: impl Iterator<Item = usize>, ends: &mut Ends) {
    let mut start = 0;
    let mut next = 0;
    for at in places {
        if at < next {
            continue;
        }
        let length = infix_length(&text[at..], text[..at].chars().next_back());
        // An infix at the very start is passed over.
        if length > 0 && at > 0 {
            if at > start {
                ends.push(base + at);
            }
            ends.push(base + at + length);
            start = at + length;
        }
        next = at + length;
    }
    if start < text.len() {
        ends.push(base + text.len());
    }
}

/// Bytes of the infix at the start of the text, 0 for none; `previous` is the character before it.
#[inline]
fn infix_length(text: &str, previous: Option<char>) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
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
