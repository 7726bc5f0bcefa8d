//! What C4's line filter would leave.

use super::c4_line::{ends_with_punctuation, has_refused_words, remove_citations};
use super::layout::Layout;
use super::measure::measure_table;
use super::phrases::{Phrase, find_phrases};
use crate::words::{EnglishTokenizer, Word, count_sentences};
use serde::{Deserialize, Serialize};

/// Counts of lines that C4's filter would keep, where lines must end with punctuation and where
/// they need not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct C4Counts {
    ended: Kept,
    any_end: Kept,
}

/// Counts of the lines that are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    lines: u64,
    sentences: u64,
    lorem_ipsum_lines: u64,
    curly_bracket_lines: u64,
}

/// Buffers for [`C4Counts`].
#[derive(Default)]
pub(super) struct C4Scratch {
    hits: Vec<(u32, Phrase)>,
    edited: String,
    edited_words: Vec<Word>,
}

/// What one line has.
#[derive(Clone, Copy)]
struct Found {
    ended: bool,
    lorem_ipsum: bool,
    javascript: bool,
    curly_bracket: bool,
    policy: bool,
}

impl C4Scratch {
    /// Applies the filter to every line of `text`, whose words between white space are
    /// `layout.plain_words` and whose words of English are `english`.
    pub(super) fn count(
        &mut self,
        text: &str,
        layout: &Layout,
        english: &[Word],
        tokenizer: &mut EnglishTokenizer,
    ) -> C4Counts {
        let mut counts = C4Counts::default();
        let has_curly_brackets = layout.histogram.count_of(b"{") > 0;
        let has_square_brackets = layout.histogram.count_of(b"[") > 0;
        let mut rest = (layout.plain_words.as_slice(), english, layout.phrases.as_slice());
        for line in layout.python_lines() {
            let words = take_while(&mut rest.0, |word| word.start < line.end);
            let english = take_while(&mut rest.1, |word| word.start < line.end);
            let hits = take_while(&mut rest.2, |hit| hit.0 < line.end);
            if has_refused_words(words.iter().map(|word| word.chars as usize)) {
                continue;
            }
            let (Some(first), Some(last)) = (words.first(), words.last()) else { continue };
            let stripped = &text[first.start as usize..last.end as usize];
            if has_square_brackets && remove_citations(stripped, &mut self.edited) {
                self.hits.clear();
                find_phrases(&self.edited, &mut self.hits);
                let found = look(&self.edited, &self.hits, has_curly_brackets);
                counts.add(found, || {
                    tokenizer.tokenize(&self.edited, &mut self.edited_words);
                    let end = u32::try_from(self.edited.len()).unwrap_or(u32::MAX);
                    count_sentences(&self.edited, 0..end, &self.edited_words)
                });
            } else {
                let found = look(stripped, hits, has_curly_brackets);
                counts.add(found, || count_sentences(text, first.start..last.end, english));
            }
        }
        counts
    }
}

/// Cuts from `rest` the items at its start that `belong`.
fn take_while<'i, T>(rest: &mut &'i [T], belong: impl Fn(&T) -> bool) -> &'i [T] {
    let taken = rest.iter().position(|item| !belong(item)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(taken);
    *rest = left;
    taken
}

fn look(line: &str, hits: &[(u32, Phrase)], may_have_curly_bracket: bool) -> Found {
    let has = |wanted: Phrase| hits.iter().any(|&(_, phrase)| phrase == wanted);
    Found {
        ended: ends_with_punctuation(line),
        lorem_ipsum: has(Phrase::LoremIpsum),
        javascript: has(Phrase::Javascript),
        curly_bracket: may_have_curly_bracket && line.contains('{'),
        policy: has(Phrase::Policy),
    }
}

impl C4Counts {
    fn add(&mut self, found: Found, sentences: impl FnOnce() -> u32) {
        let is_kept = !found.javascript && !found.policy;
        let sentences = if is_kept { u64::from(sentences()) } else { 0 };
        self.any_end.add(found, sentences);
        if found.ended {
            self.ended.add(found, sentences);
        }
    }
}

impl Kept {
    /// Counts a line in the order in which the filter looks: javascript spares a later bracket,
    /// and a bracket counts before a policy is looked for.
    fn add(&mut self, found: Found, sentences: u64) {
        self.lorem_ipsum_lines += u64::from(found.lorem_ipsum);
        if found.javascript {
            return;
        }
        self.curly_bracket_lines += u64::from(found.curly_bracket);
        if found.policy {
            return;
        }
        self.lines += 1;
        self.sentences += sentences;
    }
}

measure_table! { C4, c4, |it, profile|
    "c4.kept_lines", "Lines that the filter keeps where they must end with punctuation."
        => it.ended.lines as f64;
    "c4.sentences", "Sentences of the lines kept." => it.ended.sentences as f64;
    "c4.lorem_ipsum_lines", "Lines with `lorem ipsum` among those that reach this check."
        => it.ended.lorem_ipsum_lines as f64;
    "c4.curly_bracket_lines", "Lines with `{` among those that reach this check."
        => it.ended.curly_bracket_lines as f64;
    "c4.any_end.kept_lines", "Lines that the filter keeps where they may end in any way."
        => it.any_end.lines as f64;
    "c4.any_end.sentences", "Sentences of those lines." => it.any_end.sentences as f64;
    "c4.any_end.lorem_ipsum_lines", "As `c4.lorem_ipsum_lines`, for lines with any end."
        => it.any_end.lorem_ipsum_lines as f64;
    "c4.any_end.curly_bracket_lines", "As `c4.curly_bracket_lines`, for lines with any end."
        => it.any_end.curly_bracket_lines as f64;
}
