//! RefinedWeb's edits, line by line.

use super::layout::{Layout, Token};
use super::phrases::{Phrase, find_phrases};
use super::python;
use super::refined_kept::KeptLines;
use crate::classes::{ClassTable, DECIMAL, DIGITS, LETTER, NUMBER, WORD};
use std::borrow::Cow;

/// Words up to which a line is searched for phrases of pages.
const MAX_EDITED_WORDS: usize = 10;
const CART: &str = "items in cart";
const READ_MORE: &str = "read more";
const SIGN_IN: &str = "sign-in";
/// What pages count.
const COUNTED: [&str; 12] = [
    "likes",
    "shares",
    "comments",
    "retweets",
    "reposts",
    "quotes",
    "bookmarks",
    "upvotes",
    "downvotes",
    "downloads",
    "views",
    "followers",
];

/// The lines that are left of a text, and what is gone.
pub(super) struct EditedLines<'t> {
    pub(super) lines: Vec<Cow<'t, str>>,
    /// Words that were in the text, as [`count_words`] counts.
    pub(super) words: u64,
    /// Words that are no more.
    pub(super) removed_words: u64,
}

/// What is left of a line that has a phrase.
type Removal = fn(&str) -> Option<String>;

/// Applies the edits to the text of `layout`, which must know its words, in their order; each
/// goes over all lines before the next.
pub(super) fn edited_lines<'t>(
    text: &'t str,
    layout: &Layout,
    classes: ClassTable,
) -> EditedLines<'t> {
    let mut kept = KeptLines::new(text, layout, classes);
    kept.drop(KeptLines::is_shouted);
    kept.strip();
    kept.drop(|kept, line| is_number(kept.text_of(line), classes));
    kept.strip();
    kept.drop(|kept, line| is_counter(kept.text_of(line), classes));
    kept.strip();
    kept.drop_short();
    let mut edited = EditedLines {
        lines: kept.lines.iter().map(|line| Cow::Borrowed(&text[line.clone()])).collect(),
        words: count_all_words(text, layout, classes),
        removed_words: kept.removed_words,
    };
    let removals: [(Phrase, Removal); 3] = [
        (Phrase::Cart, without_cart),
        (Phrase::ReadMore, without_read_more),
        (Phrase::SignIn, without_sign_in),
    ];
    let mut is_edited = false;
    for (phrase, remove) in removals {
        // Nearly no text has any of them; what one edit leaves may hold the next phrase.
        is_edited |= layout.phrases.iter().any(|(_, found)| *found == phrase);
        if is_edited {
            edited.edit_lines(classes, remove);
            edited.strip();
        }
    }
    edited
}

/// [`count_words`] of the whole text, whose words between white space are known.
fn count_all_words(text: &str, layout: &Layout, classes: ClassTable) -> u64 {
    if layout.histogram.count_of(b"\0") > 0 {
        return count_words(text, classes);
    }
    let bytes = text.as_bytes();
    let starts_word = |token: &Token| {
        let before = bytes[..token.start as usize].last();
        if layout.has_rare_space && !before.is_none_or(|&byte| is_fasttext_space(byte)) {
            return false;
        }
        let first = bytes[token.start as usize];
        first.is_ascii_alphanumeric()
            || !first.is_ascii() && {
                let first = text[token.start as usize..].chars().next();
                first.is_some_and(|ch| classes.of(ch) & (LETTER | NUMBER) != 0)
            }
    };
    layout.plain_words.iter().map(|token| u64::from(starts_word(token))).sum()
}

impl EditedLines<'_> {
    /// Takes a phrase from short lines; a line of which nothing else is left goes.
    fn edit_lines(&mut self, classes: ClassTable, remove: Removal) {
        let mut removed = 0;
        self.lines.retain_mut(|line| {
            let Some(left) = remove(line) else { return true };
            if !has_fewer_words(line, MAX_EDITED_WORDS + 1) {
                return true;
            }
            removed += count_words(line, classes) - count_words(&left, classes);
            let stays = !python::strip(&left).is_empty();
            *line = Cow::Owned(left);
            stays
        });
        self.removed_words += removed;
    }

    /// Strips the text that the lines make together.
    fn strip(&mut self) {
        let is_blank = |line: &Cow<'_, str>| python::strip_start(line).is_empty();
        let first = self.lines.iter().position(|line| !is_blank(line));
        let Some(first) = first else { return self.lines.clear() };
        let last = self.lines.iter().rposition(|line| !is_blank(line)).unwrap_or(first);
        self.lines.truncate(last + 1);
        self.lines.drain(..first);
        if let Some(line) = self.lines.first_mut() {
            trim(line, python::strip_start);
        }
        if let Some(line) = self.lines.last_mut() {
            trim(line, python::strip_end);
        }
    }
}

fn trim(line: &mut Cow<'_, str>, strip: for<'s> fn(&'s str) -> &'s str) {
    match line {
        Cow::Borrowed(text) => *text = strip(text),
        Cow::Owned(text) => *text = strip(text).to_owned(),
    }
}

/// Whether fastText parts words at `byte`.
#[inline]
fn is_fasttext_space(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t'..=b'\r' | b' ')
}

/// Words between ASCII white space that start with a letter or number: fastText's tokens without
/// punctuation, as DCLM counts what edits removed.
pub(super) fn count_words(text: &str, classes: ClassTable) -> u64 {
    let bytes = text.as_bytes();
    let mut words = 0;
    let mut after_space = true;
    for (at, &byte) in bytes.iter().enumerate() {
        let is_space = is_fasttext_space(byte);
        if after_space && !is_space {
            let starts_word = if byte.is_ascii() {
                byte.is_ascii_alphanumeric()
            } else {
                let first = text[at..].chars().next();
                first.is_some_and(|ch| classes.of(ch) & (LETTER | NUMBER) != 0)
            };
            words += u64::from(starts_word);
        }
        after_space = is_space;
    }
    words
}

/// Whether a line is digits alone.
fn is_number(line: &str, classes: ClassTable) -> bool {
    !line.starts_with(|ch: char| ch.is_ascii() && !ch.is_ascii_digit())
        && !line.is_empty()
        && line.chars().all(|ch| classes.of(ch) & DIGITS != 0)
}

/// Whether a line counts what pages count, such as `1,204 likes` or `3k views`.
fn is_counter(line: &str, classes: ClassTable) -> bool {
    let line = line.trim_end_matches(|ch| classes.of(ch) & WORD == 0);
    if !line.ends_with(['s', 'S']) {
        return false;
    }
    let line = line.trim_start_matches(|ch| classes.of(ch) & WORD == 0);
    if !line.starts_with(|ch| classes.of(ch) & DECIMAL != 0) {
        return false;
    }
    let line = line.to_lowercase();
    let Some(number) = COUNTED.iter().find_map(|counted| line.strip_suffix(counted)) else {
        return false;
    };
    let before_space = python::strip_end(number);
    if before_space.len() == number.len() {
        return false;
    }
    let digits = before_space.strip_suffix(['k', 'm', 'b']).unwrap_or(before_space);
    digits.chars().all(|ch| matches!(ch, ',' | '.') || classes.of(ch) & DECIMAL != 0)
}

fn has_fewer_words(line: &str, words: usize) -> bool {
    let mut seen = 0;
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let space = python::space_bytes(bytes, at);
        if space > 0 {
            at += space;
            continue;
        }
        seen += 1;
        if seen >= words {
            return false;
        }
        while at < bytes.len() && python::space_bytes(bytes, at) == 0 {
            at += 1;
        }
    }
    true
}

/// The line without `items in cart` and a space before it, if it has that.
fn without_cart(line: &str) -> Option<String> {
    let mut left = String::new();
    let mut from = 0;
    let mut found = Vec::new();
    find_phrases(line, &mut found);
    for (at, _) in found.into_iter().filter(|(_, phrase)| *phrase == Phrase::Cart) {
        left.push_str(without_last_space(&line[from..at as usize]));
        from = at as usize + CART.len();
    }
    if from == 0 {
        return None;
    }
    left.push_str(&line[from..]);
    Some(left)
}

/// The line without `read more` and three more characters at its end, and a space before.
fn without_read_more(line: &str) -> Option<String> {
    let (end, _) = line.char_indices().rev().nth(2)?;
    let before = &line[..end];
    let start = before.len().checked_sub(READ_MORE.len())?;
    let tail = before.get(start..)?;
    tail.eq_ignore_ascii_case(READ_MORE).then(|| without_last_space(&before[..start]).to_owned())
}

/// The line without `sign-in` at its start, and a space after it.
fn without_sign_in(line: &str) -> Option<String> {
    let head = line.get(..SIGN_IN.len())?;
    if !head.eq_ignore_ascii_case(SIGN_IN) {
        return None;
    }
    let rest = &line[SIGN_IN.len()..];
    Some(rest.strip_prefix(python::is_space).unwrap_or(rest).to_owned())
}

fn without_last_space(text: &str) -> &str {
    text.strip_suffix(python::is_space).unwrap_or(text)
}

/// The text that the edits leave.
pub(crate) fn edited_text(text: &str) -> String {
    let mut shorter = String::with_capacity(text.len());
    let mut feeds = 0;
    for ch in text.chars() {
        feeds = if ch == '\n' { feeds + 1 } else { 0 };
        if feeds <= 2 {
            shorter.push(ch);
        }
    }
    let (classes, mut layout) = (ClassTable::new(), Layout::default());
    layout.read(&shorter, classes, true);
    edited_lines(&shorter, &layout, classes).lines.join("\n")
}
