//! A place in a text that may hold personal data, and what the rules ask about it.

use super::window::Window;
use std::ops::Range;

/// What made a place worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of ASCII letters, digits and underscores with a digit in it.
    Word,
    /// A colon or an equals sign, also the full-width colon.
    Mark,
    /// An at sign.
    At,
    /// The end of the first line of a private key.
    KeyBlock,
    /// The Chinese word for WeChat.
    Weixin,
}

impl Kind {
    /// Number of kinds.
    pub(super) const COUNT: usize = 5;
}

/// A place: the word, mark or phrase at `start..end` of `text`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Digits among the bytes of the place.
    pub(super) digits: usize,
}

impl<'a> Site<'a> {
    /// The bytes of the whole text.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The bytes of the place itself.
    pub(super) fn word(&self) -> &'a [u8] {
        &self.bytes()[self.start..self.end]
    }

    /// Where the place lies.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Whether the place is a word of digits alone.
    pub(super) fn is_number(&self) -> bool {
        self.kind == Kind::Word && self.digits == self.end - self.start
    }

    /// The byte at `at`, if the text reaches that far.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes().get(at).copied()
    }

    /// The byte before `at`.
    pub(super) fn byte_before(&self, at: usize) -> Option<u8> {
        self.byte(at.checked_sub(1)?)
    }

    /// What stands before `at` on its line, for a look at labels.
    pub(super) fn window(&self, at: usize) -> Window {
        Window::before(self.bytes(), at)
    }

    /// Start of the run of bytes that `accept` takes and that ends at `at`, at most `limit` long.
    pub(super) fn run_back(&self, at: usize, limit: usize, accept: fn(u8) -> bool) -> usize {
        let floor = at.saturating_sub(limit);
        let run = self.bytes()[floor..at].iter().rev().take_while(|&&byte| accept(byte));
        at - run.count()
    }

    /// End of the run of bytes that `accept` takes and that starts at `at`, at most `limit` long.
    pub(super) fn run(&self, at: usize, limit: usize, accept: fn(u8) -> bool) -> usize {
        let rest = self.bytes().get(at..).unwrap_or(&[]);
        at + rest.iter().take(limit).take_while(|&&byte| accept(byte)).count()
    }

    /// End of digit groups of exactly `lengths` from `start`, parted by one and the same of
    /// `separators`.
    pub(super) fn groups(
        &self,
        start: usize,
        lengths: &[usize],
        separators: &[u8],
    ) -> Option<usize> {
        let mut at = start;
        let mut separator = None;
        for (index, &length) in lengths.iter().enumerate() {
            if index > 0 {
                let found = self.byte(at).filter(|byte| separators.contains(byte))?;
                if *separator.get_or_insert(found) != found {
                    return None;
                }
                at += 1;
            }
            let end = self.run(at, length + 1, |byte| byte.is_ascii_digit());
            if end - at != length {
                return None;
            }
            at = end;
        }
        Some(at)
    }

    /// Whether the number at `range` stands alone: no letter, digit or currency sign touches it,
    /// and no point, comma, sign or slash ties it to further digits.
    pub(super) fn stands_alone(&self, range: &Range<usize>) -> bool {
        self.opens_alone(range.start) && self.closes_alone(range.end)
    }

    /// The first half of [`Self::stands_alone`].
    pub(super) fn opens_alone(&self, at: usize) -> bool {
        let mut back = self.text[..at].chars().rev();
        match back.next() {
            Some('.' | ',' | '-' | '/' | '_' | ':') => !back.next().is_some_and(is_word_char),
            // `phone=13812345678` tells what it is; `?item=13812345678` does not.
            Some('=') => self.window(at).is_assigned_to_person(),
            Some(ch) => {
                !is_word_char(ch)
                    && !matches!(ch, '$' | '€' | '£' | '¥' | '￥' | '#' | '@' | '*' | '\\')
            }
            None => true,
        }
    }

    /// The second half of [`Self::stands_alone`].
    pub(super) fn closes_alone(&self, at: usize) -> bool {
        let mut ahead = self.text[at..].chars();
        match ahead.next() {
            Some('.' | ',' | '-' | '/' | ':') => {
                !ahead.next().is_some_and(|ch| ch.is_ascii_digit())
            }
            Some(ch) => !is_word_char(ch) && !matches!(ch, '%' | '@' | '=' | '*' | '元' | '￥'),
            None => true,
        }
    }

    /// Whether letters or digits touch `range`.
    pub(super) fn touches_word(&self, range: &Range<usize>) -> bool {
        self.byte_before(range.start).is_some_and(is_word)
            || self.byte(range.end).is_some_and(is_word)
    }
}

/// ASCII letters, digits and the underscore. Chinese characters are no part of a number's word:
/// they stand beside it without a space.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_word_char(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || ch == '_'
}

/// What tokens are made of: word bytes and the hyphen.
pub(super) fn is_token(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// The values of the digits in `bytes`.
pub(super) fn digits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect()
}

/// The digits of `bytes` read as one number; at most 19 of them.
pub(super) fn number(bytes: &[u8]) -> u64 {
    debug_assert!(bytes.len() <= 19, "{} digits do not fit", bytes.len());
    bytes.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'))
}
