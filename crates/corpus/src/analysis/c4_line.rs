//! One line under C4's filter.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// Characters above which a word sends its line away.
const MAX_WORD_CHARS: usize = 1000;
/// Words below which a line goes.
const MIN_WORDS: usize = 3;

/// Phrases that decide about a line.
const PHRASES: [(&str, Phrase); 8] = [
    ("lorem ipsum", Phrase::LoremIpsum),
    ("javascript", Phrase::Javascript),
    ("terms of use", Phrase::Policy),
    ("privacy policy", Phrase::Policy),
    ("cookie policy", Phrase::Policy),
    ("uses cookies", Phrase::Policy),
    ("use of cookies", Phrase::Policy),
    ("use cookies", Phrase::Policy),
];

/// What a phrase says of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// Filler text: the document goes.
    LoremIpsum,
    /// A notice that scripts are needed: the line goes.
    Javascript,
    /// A notice about cookies or terms: the line goes.
    Policy,
}

/// What NeMo takes for boilerplate besides the phrases of C4. Of the three notices that it has at
/// full length we look for the part that no other text would have.
const MORE_POLICIES: [&str; 6] = [
    "privacy overview",
    "privacy & cookies policy",
    "privacy and cookies policy",
    "necessary cookies are absolutely essential for the website to function properly",
    "any cookies that may not be particularly necessary for the website to function",
    "without changing your cookie settings, you agree to this use",
];

static C4: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(&PHRASES));

static NEMO: LazyLock<Phrases> = LazyLock::new(|| {
    let more = MORE_POLICIES.map(|phrase| (phrase, Phrase::Policy));
    Phrases::new(&[PHRASES.as_slice(), &more].concat())
});

/// A matcher of phrases, blind to the case of ASCII.
pub(crate) struct Phrases {
    matcher: AhoCorasick,
    meanings: Vec<Phrase>,
}

impl Phrases {
    fn new(phrases: &[(&str, Phrase)]) -> Self {
        let matcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostFirst)
            .kind(Some(AhoCorasickKind::DFA))
            .build(phrases.iter().map(|(phrase, _)| phrase))
            .expect("a few short phrases make a small automaton");
        Self { matcher, meanings: phrases.iter().map(|&(_, meaning)| meaning).collect() }
    }

    /// The phrases of C4.
    pub(crate) fn c4() -> &'static Self {
        &C4
    }

    /// The phrases of C4 and those that NeMo adds.
    pub(crate) fn nemo() -> &'static Self {
        &NEMO
    }

    /// Where phrases start in `text`, in order.
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
    pub(crate) fn find(&self, text: &str) -> impl Iterator<Item = (u32, Phrase)> {
        let found = self.matcher.find_iter(text.as_bytes());
        found.map(|found| (found.start() as u32, self.meanings[found.pattern().as_usize()]))
    }
}

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
    ch.is_ascii_digit()
        || (!ch.is_ascii()
            && super::classes::ClassTable::new().of(ch) & super::classes::DECIMAL != 0)
}
