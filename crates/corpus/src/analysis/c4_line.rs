//! One line under C4's filter.

use crate::classes::{ClassTable, DECIMAL};

/// Characters above which a word sends its line away.
const MAX_WORD_CHARS: usize = 1000;
/// Words below which a line goes.
const MIN_WORDS: usize = 3;

/// Whether a line of words of these lengths goes whatever it says.
#[inline]
pub(crate) fn has_refused_words(mut chars: impl ExactSizeIterator<Item = usize>) -> bool {
    chars.len() < MIN_WORDS || chars.any(|chars| chars > MAX_WORD_CHARS)
}

/// Whether a line ends as a sentence does, which `...` is not.
#[inline]
pub(crate) fn ends_with_punctuation(line: &str) -> bool {
    line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...")
}

/// Writes `line` without `[12]`, `[]`, `[edit]` and `[citation needed]` to `edited`; whether
/// there was one.
pub(crate) fn remove_citations(line: &str, edited: &mut String) -> bool {
    edited.clear();
    let mut written = 0;
    let mut next = 0;
    while let Some(found) = memchr::memchr(b'[', &line.as_bytes()[next..]) {
        let open = next + found;
        match citation_end(&line[open + 1..]) {
            Some(length) => {
                edited.push_str(&line[written..open]);
                written = open + 1 + length;
                next = written;
            }
            None => next = open + 1,
        }
    }
    if written == 0 {
        return false;
    }
    edited.push_str(&line[written..]);
    true
}

/// The bytes of the citation whose `[` stands before `rest`, the closing bracket included.
fn citation_end(rest: &str) -> Option<usize> {
    for word in ["edit]", "citation needed]"] {
        if rest.starts_with(word) {
            return Some(word.len());
        }
    }
    let after = rest.trim_start_matches(is_decimal);
    after.starts_with(']').then(|| rest.len() - after.len() + 1)
}

/// What `\d` matches in Python.
fn is_decimal(ch: char) -> bool {
    ClassTable::new().has(ch, DECIMAL)
}
