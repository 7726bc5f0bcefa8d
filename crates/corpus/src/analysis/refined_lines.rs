//! RefinedWeb's edits, line by line.

use super::classes::{ClassTable, DECIMAL, DIGITS, LETTER, NUMBER, UPPER, WORD};
use super::python;
use std::borrow::Cow;

/// Words up to which a line is searched for phrases of pages.
const MAX_EDITED_WORDS: usize = 10;
/// Words below which a line goes, unless it is empty.
const MIN_WORDS: usize = 2;
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
pub(crate) struct EditedLines<'t> {
    pub(crate) lines: Vec<Cow<'t, str>>,
    /// Words that were in the text, as [`count_words`] counts.
    pub(crate) words: u64,
    /// Words that are no more.
    pub(crate) removed_words: u64,
}

/// What is left of a line that has a phrase.
type Removal = fn(&str) -> Option<String>;

/// Applies the edits in their order; each goes over all lines before the next.
pub(crate) fn edited_lines(text: &str, classes: ClassTable) -> EditedLines<'_> {
    let mut edited = EditedLines {
        lines: text.split('\n').map(Cow::Borrowed).collect(),
        words: count_words(text, classes),
        removed_words: 0,
    };
    edited.drop_lines(classes, |line| is_shouted(line, classes));
    edited.strip();
    edited.drop_lines(classes, |line| is_number(line, classes));
    edited.strip();
    edited.drop_lines(classes, |line| is_counter(line, classes));
    edited.strip();
    edited.drop_lines(classes, |line| !line.is_empty() && has_fewer_words(line, MIN_WORDS));
    let removals: [(&Phrase, Removal); 3] =
        [(&CART, without_cart), (&READ_MORE, without_read_more), (&SIGN_IN, without_sign_in)];
    let mut is_edited = false;
    for (phrase, remove) in removals {
        // Nearly no text has any of them; what one edit leaves may hold the next phrase.
        is_edited |= phrase.find(text).is_some();
        if is_edited {
            edited.edit_lines(classes, remove);
            edited.strip();
        }
    }
    edited
}

impl EditedLines<'_> {
    fn drop_lines(&mut self, classes: ClassTable, goes: impl Fn(&str) -> bool) {
        let mut removed = 0;
        self.lines.retain(|line| {
            let goes = goes(line);
            removed += if goes { count_words(line, classes) } else { 0 };
            !goes
        });
        self.removed_words += removed;
    }

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

/// Words between ASCII white space that start with a letter or number: fastText's tokens without
/// punctuation, as DCLM counts what edits removed.
pub(crate) fn count_words(text: &str, classes: ClassTable) -> u64 {
    let bytes = text.as_bytes();
    let mut words = 0;
    let mut after_space = true;
    for (at, &byte) in bytes.iter().enumerate() {
        let is_space = matches!(byte, b'\0' | b'\t'..=b'\r' | b' ');
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

/// Whether more than half of a line's characters are capital letters.
fn is_shouted(line: &str, classes: ClassTable) -> bool {
    let (mut capitals, mut chars) = (0usize, line.len());
    if line.is_ascii() {
        capitals = line.bytes().filter(u8::is_ascii_uppercase).count();
    } else {
        chars = 0;
        for ch in line.chars() {
            chars += 1;
            capitals += usize::from(classes.of(ch) & UPPER != 0);
        }
    }
    capitals * 2 > chars
}

/// Whether a line is digits alone.
fn is_number(line: &str, classes: ClassTable) -> bool {
    !line.is_empty() && line.chars().all(|ch| classes.of(ch) & DIGITS != 0)
}

/// Whether a line counts what pages count, such as `1,204 likes` or `3k views`.
fn is_counter(line: &str, classes: ClassTable) -> bool {
    let line = line.trim_matches(|ch| classes.of(ch) & WORD == 0);
    if !line.ends_with(['s', 'S']) || !line.starts_with(|ch| classes.of(ch) & DECIMAL != 0) {
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
    while let Some(found) = CART.find(&line[from..]) {
        left.push_str(without_last_space(&line[from..from + found]));
        from += found + CART.text.len();
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
    let start = before.len().checked_sub(READ_MORE.text.len())?;
    let tail = before.get(start..)?;
    tail.eq_ignore_ascii_case(READ_MORE.text)
        .then(|| without_last_space(&before[..start]).to_owned())
}

/// The line without `sign-in` at its start, and a space after it.
fn without_sign_in(line: &str) -> Option<String> {
    let head = line.get(..SIGN_IN.text.len())?;
    if !head.eq_ignore_ascii_case(SIGN_IN.text) {
        return None;
    }
    let rest = &line[SIGN_IN.text.len()..];
    Some(rest.strip_prefix(python::is_space).unwrap_or(rest).to_owned())
}

fn without_last_space(text: &str) -> &str {
    text.strip_suffix(python::is_space).unwrap_or(text)
}

/// A phrase in lower case, found in any case of ASCII.
struct Phrase {
    text: &'static str,
    /// The place of its rarest byte.
    rare: usize,
}

const CART: Phrase = Phrase { text: "items in cart", rare: 3 };
const READ_MORE: Phrase = Phrase { text: "read more", rare: 5 };
const SIGN_IN: Phrase = Phrase { text: "sign-in", rare: 4 };

impl Phrase {
    /// Where the phrase first stands in `text`.
    fn find(&self, text: &str) -> Option<usize> {
        let (bytes, rare) = (text.as_bytes(), self.text.as_bytes()[self.rare]);
        let mut places = memchr::memchr2_iter(rare, rare.to_ascii_uppercase(), bytes);
        places.find_map(|at| {
            let start = at.checked_sub(self.rare)?;
            let found = bytes.get(start..start + self.text.len())?;
            found.eq_ignore_ascii_case(self.text.as_bytes()).then_some(start)
        })
    }
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
    edited_lines(&shorter, ClassTable::new()).lines.join("\n")
}
