//! `{% generation %}`: the mark by which a template says what the assistant wrote.
//!
//! transformers runs the block as a call whose text it measures. Here the block becomes a filter
//! over a scope of its own, which is what a call is to the template; where the marks are asked
//! for, the filter puts a character around its text that no text in interchange may hold, and
//! [`split_marks`] takes them out again.

use std::ops::Range;

use minijinja::{Error, State, Value};

use crate::error::TextError;

/// Name of the filter that a block becomes.
pub(super) const FILTER: &str = "catena_generation";
/// Variable of the context that asks for marks.
pub(super) const WANTED: &str = "catena_marks_wanted";
/// Unicode noncharacters around what the assistant wrote.
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';

/// The filter: its text, between marks if they are wanted.
pub(super) fn mark(state: &State, body: Value) -> Result<Value, Error> {
    let text = body.as_str().unwrap_or_default();
    state.consume_fuel(text.len() as u64 / 64)?;
    if state.lookup(WANTED).is_some_and(|wanted| wanted.is_true()) {
        return Ok(Value::from_safe_string(format!("{OPEN}{text}{CLOSE}")));
    }
    Ok(body)
}

/// Whether `text` holds a character that marks are made of.
pub(super) fn holds_mark(text: &str) -> bool {
    text.contains([OPEN, CLOSE])
}

/// Takes the marks out of a rendered text: the text without them, and the outermost ranges that
/// they enclosed.
pub(super) fn split_marks(marked: &str) -> Result<(String, Vec<Range<usize>>), TextError> {
    let mut text = String::with_capacity(marked.len());
    let (mut ranges, mut open) = (Vec::new(), Vec::new());
    for ch in marked.chars() {
        match ch {
            OPEN => open.push(text.len()),
            CLOSE => {
                let start = open.pop().ok_or(TextError::TemplateMarks { offset: text.len() })?;
                if open.is_empty() {
                    ranges.push(start..text.len());
                }
            }
            _ => text.push(ch),
        }
    }
    match open.first() {
        Some(&offset) => Err(TextError::TemplateMarks { offset }),
        None => Ok((text, ranges)),
    }
}

/// Replaces the tags by what the engine runs, with the same control of white space, and says
/// whether there was one. Comments keep what they say.
pub(super) fn rewrite(source: &str) -> (String, bool) {
    let mut text = String::with_capacity(source.len());
    let (mut rest, mut found) = (source, false);
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{#")).min() {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (taken, replacement) = match rest.strip_prefix("{#") {
            Some(comment) => (comment.find("#}").map_or(rest.len(), |end| end + 4), None),
            None => tag(rest),
        };
        match replacement {
            Some(tags) => {
                found = true;
                text.push_str(&tags);
            }
            None => text.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    text.push_str(rest);
    (text, found)
}

/// The length of the tag at the begin of `text`, and what replaces it if it is one of ours. Of
/// any other tag only its opening is taken.
fn tag(text: &str) -> (usize, Option<String>) {
    let other = (2, None);
    // A tag's end is not that of its own opening, as in `{%}`.
    let Some(end) = text[2..].find("%}").map(|end| end + 2) else { return other };
    let inner = &text[2..end];
    let (before, inner) = sign(inner, str::strip_prefix);
    let (after, inner) = sign(inner, str::strip_suffix);
    let replacement = match inner.trim() {
        "generation" => format!("{{%{before} filter {FILTER} %}}{{% with {after}%}}"),
        "endgeneration" => format!("{{%{before} endwith %}}{{% endfilter {after}%}}"),
        _ => return other,
    };
    (end + 2, Some(replacement))
}

/// A sign of white space control at one end of a tag, and the tag without it.
fn sign<'t>(
    inner: &'t str,
    strip: fn(&'t str, &'static str) -> Option<&'t str>,
) -> (&'static str, &'t str) {
    for sign in ["-", "+"] {
        if let Some(rest) = strip(inner, sign) {
            return (sign, rest);
        }
    }
    ("", inner)
}
