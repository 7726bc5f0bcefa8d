//! Sentences, as spaCy's rule-based sentencizer begins them.

use std::ops::Range;

use super::characters::is_space;
use super::word::Word;

/// Whether whitespace between two words counts as a word of its own for spaCy: any but one
/// space, which it keeps as a property of the word before.
pub(super) fn is_space_between(text: &str, end: u32, start: u32) -> bool {
    let length = start - end;
    let is_one_space = text.as_bytes().get(end as usize) == Some(&b' ');
    length > 1 || (length == 1 && !is_one_space)
}

/// Whether the sentences of a text go on or begin anew, word by word.
#[derive(Debug, Default)]
struct Sentencizer {
    ended: bool,
}

impl Sentencizer {
    /// Whether a new sentence begins with whitespace that counts as a word.
    fn starts_with_space(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }

    /// Whether a new sentence begins with this word.
    fn starts_with(&mut self, word: &Word) -> bool {
        if word.is_sentence_end() {
            self.ended = true;
            return false;
        }
        self.ended && !word.is_punctuation() && std::mem::take(&mut self.ended)
    }
}

/// The byte offsets at which spaCy's sentences begin, appended to `starts`.
///
/// `span` is the part of the text to treat as a text of its own, and `words` are its words: the
/// words of a whole text serve for each of its lines. Whitespace other than one space after a
/// word counts as a word, and so may begin a sentence or be one.
pub fn sentence_starts(text: &str, span: Range<u32>, words: &[Word], starts: &mut Vec<u32>) {
    if span.start < span.end {
        starts.push(span.start);
    }
    let mut sentencizer = Sentencizer::default();
    let mut at = span.start;
    for word in words {
        if is_space_between(text, at, word.start) && sentencizer.starts_with_space() {
            starts.push(space_start(text, at));
        }
        if sentencizer.starts_with(word) {
            starts.push(word.start);
        }
        at = word.end;
    }
    if is_space_between(text, at, span.end) && sentencizer.starts_with_space() {
        starts.push(space_start(text, at));
    }
}

/// Where whitespace that counts as a word begins: after the one space that does not.
fn space_start(text: &str, end: u32) -> u32 {
    end + u32::from(text.as_bytes()[end as usize] == b' ')
}

/// How many sentences DataTrove's C4 filter counts in a line: what [`sentence_starts`] finds,
/// and one where it finds none, in an empty line.
pub fn count_sentences(text: &str, span: Range<u32>, words: &[Word]) -> u32 {
    let mut sentencizer = Sentencizer::default();
    let mut at = span.start;
    let mut count = 1;
    for word in words {
        let space = is_space_between(text, at, word.start);
        count += u32::from(space && sentencizer.starts_with_space());
        count += u32::from(sentencizer.starts_with(word));
        at = word.end;
    }
    let space = is_space_between(text, at, span.end);
    count + u32::from(space && sentencizer.starts_with_space())
}

/// The sentences of a text as DataTrove's `sent_tokenize` gives them: stripped, none empty.
#[derive(Debug)]
pub struct Sentences<'t> {
    text: &'t str,
    starts: std::vec::IntoIter<u32>,
    next: Option<u32>,
}

impl<'t> Sentences<'t> {
    /// The sentences of a whole text, given its words.
    pub fn new(text: &'t str, words: &[Word]) -> Self {
        let mut starts = Vec::new();
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        sentence_starts(text, 0..end, words, &mut starts);
        let mut starts = starts.into_iter();
        let next = starts.next();
        Self { text, starts, next }
    }
}

impl<'t> Iterator for Sentences<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        loop {
            let start = self.next? as usize;
            self.next = self.starts.next();
            let end = self.next.map_or(self.text.len(), |next| next as usize);
            let sentence = self.text[start..end].trim_matches(is_space);
            if !sentence.is_empty() {
                return Some(sentence);
            }
        }
    }
}
