//! From a text to its words.

use super::cache::{Cache, Key};
use super::characters::is_space;
use super::exceptions::Exceptions;
use super::phrases::Phrases;
use super::split::{offset, split_chunk};
use super::word::{Word, describe};

/// Chunks that are looked up together.
const BATCH: usize = 16;

/// Longest text split, in bytes; a longer one is split up to there.
const LONGEST_TEXT: usize = u32::MAX as usize;

/// Splits English texts into words; one for each thread.
///
/// It takes some megabytes for its tables and its cache, and never more.
pub struct EnglishTokenizer {
    exceptions: Exceptions,
    phrases: Phrases,
    cache: Cache,
    label: fn(&str) -> u8,
    ends: Vec<u32>,
}

impl std::fmt::Debug for EnglishTokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("EnglishTokenizer").finish_non_exhaustive()
    }
}

impl Default for EnglishTokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl EnglishTokenizer {
    /// A tokenizer whose words have no label.
    pub fn new() -> Self {
        Self::with_label(|_| 0)
    }

    /// A tokenizer that labels words.
    ///
    /// The label is computed once for a word in the cache, so a counter gets an answer about the
    /// text of each word (whether it is a stop word, say) without looking at the text again. It
    /// must be a function of the text alone.
    pub fn with_label(label: fn(&str) -> u8) -> Self {
        let exceptions = Exceptions::new();
        let phrases = Phrases::new(&exceptions);
        Self { exceptions, phrases, cache: Cache::new(), label, ends: Vec::new() }
    }

    /// Splits a text; `words` is emptied first.
    ///
    /// The words are those of DataTrove's `word_tokenize`: no whitespace among them. Of a text
    /// beyond 4 GiB only that much is split.
    pub fn tokenize(&mut self, text: &str, words: &mut Vec<Word>) {
        words.clear();
        let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        let mut at = 0;
        let mut chunks = [Chunk::default(); BATCH];
        loop {
            // The places of some chunks in the cache are on their way while others are looked up:
            // the cache is larger than what a core holds near.
            let mut count = 0;
            while count < BATCH
                && let Some((start, end)) = next_chunk(text, at)
            {
                at = end;
                let key = Key::new(text.as_bytes(), start, end);
                if let Some(key) = &key {
                    self.cache.prefetch(key);
                }
                chunks[count] = Chunk { start, end, key };
                count += 1;
            }
            for Chunk { start, end, key } in &chunks[..count] {
                self.chunk(text, *start, *end, key.as_ref(), words);
            }
            if count < BATCH {
                break;
            }
        }
        self.phrases.apply(text, words, &self.exceptions, self.label);
    }

    /// Appends the words of the chunk `start .. end`, as the cache knows them or by splitting it.
    #[inline]
    fn chunk(
        &mut self,
        text: &str,
        start: usize,
        end: usize,
        key: Option<&Key>,
        words: &mut Vec<Word>,
    ) {
        let Some(key) = key else { return self.split(text, start, end, words) };
        let rest = key.rest(text.as_bytes(), start, end);
        if !self.cache.replay(key, rest, offset(start), words) {
            let known = words.len();
            self.split(text, start, end, words);
            self.cache.insert(key, rest, offset(start), &words[known..]);
        }
    }

    /// Appends the words of the chunk `start .. end`.
    #[cold]
    fn split(&mut self, text: &str, start: usize, end: usize, words: &mut Vec<Word>) {
        self.ends.clear();
        split_chunk(&text[start..end], Some(&self.exceptions), &mut self.ends);
        let mut from = start;
        for end in &self.ends {
            let to = start + *end as usize;
            let part = &text[from..to];
            let word = describe(part, self.phrases.symbol(part), (self.label)(part));
            words.push(Word { start: offset(from), end: offset(to), ..word });
            from = to;
        }
    }
}

/// A chunk of text with its key in the cache, unless it is too long for it.
#[derive(Clone, Copy, Default)]
struct Chunk {
    start: usize,
    end: usize,
    key: Option<Key>,
}

/// What a byte says of whether a chunk goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is part of a chunk.
    Chunk,
    /// It is whitespace.
    Space,
    /// It begins a character that may be whitespace.
    Unsure,
}

static KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Chunk; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte {
            0x09..=0x0d | 0x1c..=0x20 => Kind::Space,
            // The first bytes of U+0085, U+00A0, U+1680, U+2000 to U+205F and U+3000.
            0xc2 | 0xe1..=0xe3 => Kind::Unsure,
            _ => Kind::Chunk,
        };
        byte += 1;
    }
    kinds
}

/// The next chunk of text without whitespace, at `from` or after.
#[inline]
fn next_chunk(text: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + run(text, from, true);
    if start == text.len() {
        return None;
    }
    Some((start, start + run(text, start, false)))
}

/// Bytes of the run of whitespace, or of anything else, that begins at `from`.
#[inline]
fn run(text: &str, from: usize, spaces: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match KINDS[usize::from(*byte)] {
            Kind::Chunk if spaces => break,
            Kind::Space if !spaces => break,
            Kind::Chunk | Kind::Space => at += 1,
            Kind::Unsure => {
                let Some(character) = text[at..].chars().next() else { break };
                if is_space(character) != spaces {
                    break;
                }
                at += character.len_utf8();
            }
        }
    }
    at - from
}
