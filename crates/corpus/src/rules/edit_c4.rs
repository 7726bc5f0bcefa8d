//! C4's edit of the texts it keeps.

use crate::analysis::{
    Phrase, ends_with_punctuation, find_phrases, has_refused_words, length, remove_citations,
    split_lines, split_words, strip,
};
use std::borrow::Cow;

/// How a line that C4 keeps may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum C4LineEnd {
    /// With `.`, `?`, `!`, `"` or `'`, and not with `...`: C4 itself.
    Punctuation,
    /// In any way: FineWeb.
    Any,
}

/// Drops the lines that C4 drops, and citations such as `[12]` and `[edit]` from the others.
///
/// A line goes if it has fewer than three words, a word of more than 1000 characters, the wrong
/// end, or a word on scripts, cookies or terms. What is left is stripped of white space at its
/// ends. It is meant for texts that the rule set keeps; about others it decides nothing.
///
/// # Source
/// DataTrove 0.10.1, `C4QualityFilter`, for the lines of a text.
pub fn edit_c4(text: &str, line_end: C4LineEnd) -> Cow<'_, str> {
    let mut kept = String::with_capacity(text.len());
    let mut edited = String::new();
    let mut found = Vec::new();
    split_lines(text, |start, end| {
        let line = strip(&text[start..end]);
        let mut chars = Vec::new();
        split_words(line, |from, to| chars.push(length(&line[from..to])));
        if has_refused_words(chars.into_iter()) {
            return;
        }
        let line = if remove_citations(line, &mut edited) { edited.as_str() } else { line };
        let may_end_so = line_end == C4LineEnd::Any || ends_with_punctuation(line);
        found.clear();
        find_phrases(line, &mut found);
        let is_notice =
            found.iter().any(|(_, phrase)| matches!(phrase, Phrase::Javascript | Phrase::Policy));
        if may_end_so && !is_notice {
            if !kept.is_empty() {
                kept.push('\n');
            }
            kept.push_str(line);
        }
    });
    let kept_text = strip(&kept);
    if kept_text == text { Cow::Borrowed(text) } else { Cow::Owned(kept_text.to_owned()) }
}
