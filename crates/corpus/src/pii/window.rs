//! The words before a place: labels that say what a number is.

use super::labels::{FILLERS, PERSON_FIELDS, THINGS};

/// Bytes before a place that are looked at.
const REACH: usize = 64;

/// The end of the line before a place, ASCII letters in lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    bytes: [u8; REACH],
    length: usize,
}

/// Fillers that one number may have before it.
const MAX_FILLERS: usize = 8;

impl Window {
    /// What stands before `at` on the same line, at most [`REACH`] bytes of it.
    pub(super) fn before(text: &[u8], at: usize) -> Self {
        let from = at.saturating_sub(REACH);
        let reach = &text[from..at];
        let line = memchr::memrchr(b'\n', reach).map_or(reach, |cut| &reach[cut + 1..]);
        let mut bytes = [0; REACH];
        bytes[..line.len()].copy_from_slice(line);
        bytes.make_ascii_lowercase();
        Self { bytes, length: line.len() }
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether one of `words` stands anywhere in the window.
    pub(super) fn mentions(&self, words: &[&str]) -> bool {
        let text = self.text();
        words.iter().any(|word| {
            let word = word.as_bytes();
            memchr::memmem::find_iter(text, word).any(|at| is_whole(text, at, word.len()))
        })
    }

    /// Whether one of `labels` is the last word before the place, but for fillers, numbers and
    /// punctuation.
    pub(super) fn is_labelled(&self, labels: &[&str]) -> bool {
        let mut text = self.text();
        for _ in 0..=MAX_FILLERS {
            text = trim_end(text);
            if labels.iter().any(|label| ends_with_word(text, label.as_bytes())) {
                return true;
            }
            let Some(filler) =
                FILLERS.iter().find(|filler| ends_with_word(text, filler.as_bytes()))
            else {
                return false;
            };
            text = &text[..text.len() - filler.len()];
        }
        false
    }

    /// Whether the number is labelled as the number of a thing.
    pub(super) fn is_of_thing(&self) -> bool {
        self.is_labelled(THINGS)
    }

    /// Whether the name before an equals sign is one of a person's field.
    pub(super) fn is_assigned_to_person(&self) -> bool {
        let Some(text) = self.text().strip_suffix(b"=") else { return false };
        PERSON_FIELDS.iter().any(|field| {
            let field = field.as_bytes();
            text.ends_with(field)
                && text[..text.len() - field.len()]
                    .last()
                    .is_none_or(|&byte| field.len() > 3 || !byte.is_ascii_alphanumeric())
        })
    }
}

/// Drops spaces, ASCII punctuation and digits from the end.
fn trim_end(text: &[u8]) -> &[u8] {
    let keeps = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    let end = text.iter().rposition(keeps).map_or(0, |last| last + 1);
    &text[..end]
}

/// Whether `text` ends with `word`, and an ASCII word begins there too.
fn ends_with_word(text: &[u8], word: &[u8]) -> bool {
    // Nearly all texts end with another byte.
    text.last() == word.last()
        && text.ends_with(word)
        && begins(text, text.len() - word.len(), word)
}

/// Whether the word of `length` bytes at `at` is no part of a longer ASCII word.
fn is_whole(text: &[u8], at: usize, length: usize) -> bool {
    let end = at + length;
    let ends =
        !text[end - 1].is_ascii_alphabetic() || !text.get(end).is_some_and(u8::is_ascii_alphabetic);
    begins(text, at, &text[at..end]) && ends
}

fn begins(text: &[u8], at: usize, word: &[u8]) -> bool {
    let ascii = word.first().is_some_and(u8::is_ascii_alphabetic);
    !ascii || at == 0 || !text[at - 1].is_ascii_alphabetic()
}
