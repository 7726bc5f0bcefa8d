//! From a text to its words.

use super::cache::{Cache, Key};
use super::exceptions::Exceptions;
use super::phrases::Phrases;
use super::split::{Ends, offset, split_chunk};
use super::word::{Word, describe};
use crate::byte_map::ByteMap;
use std::ops::Range;

/// Chunks that are looked up together.
const BATCH: usize = 8;

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
    ends: Ends,
    map: ByteMap,
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
        Self {
            exceptions,
            phrases,
            cache: Cache::new(),
            label,
            ends: Ends::default(),
            map: ByteMap::default(),
        }
    }

    /// Splits a text; `words` is emptied first.
    ///
    /// The words are those of DataTrove's `word_tokenize`: no whitespace among them. Of a text
    /// beyond 4 GiB only that much is split.
    pub fn tokenize(&mut self, text: &str, words: &mut Vec<Word>) {
        let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        let mut map = std::mem::take(&mut self.map);
        map.read(text);
        self.tokenize_mapped(text, &map, words);
        self.map = map;
    }

    /// As [`Self::tokenize`], for a text that has been mapped.
    pub(crate) fn tokenize_mapped(&mut self, text: &str, map: &ByteMap, words: &mut Vec<Word>) {
        words.clear();
        let mut pieces = map.words();
        // The places of some chunks in the cache are on their way while others are looked up: the
        // cache is larger than what a core holds near.
        let mut next = Batch::default();
        self.ask(text, &mut pieces, &mut next);
        while next.count > 0 {
            let batch = next;
            self.ask(text, &mut pieces, &mut next);
            for Chunk { start, end, key } in &batch.chunks[..batch.count] {
                self.chunk(text, map, *start..*end, key.as_ref(), words);
            }
        }
        self.phrases.apply(text, words, &self.exceptions, self.label);
    }

    /// Takes the next chunks and asks for their places in the cache.
    #[inline]
    fn ask(&self, text: &str, pieces: &mut impl Iterator<Item = (u32, u32)>, batch: &mut Batch) {
        batch.count = 0;
        for (chunk, (start, end)) in batch.chunks.iter_mut().zip(pieces) {
            let (start, end) = (start as usize, end as usize);
            let key = Key::new(text.as_bytes(), start, end);
            if let Some(key) = &key {
                self.cache.prefetch(key);
            }
            *chunk = Chunk { start, end, key };
            batch.count += 1;
        }
    }

    /// Appends the words of a chunk, as the cache knows them or by splitting it.
    #[inline]
    fn chunk(
        &mut self,
        text: &str,
        map: &ByteMap,
        chunk: Range<usize>,
        key: Option<&Key>,
        words: &mut Vec<Word>,
    ) {
        let Some(key) = key else { return self.split(text, map, chunk, words) };
        let rest = key.rest(text.as_bytes(), chunk.start, chunk.end);
        let start = offset(chunk.start);
        if !self.cache.replay(key, rest, start, words) {
            let known = words.len();
            self.split(text, map, chunk, words);
            if self.cache.comes_again(key) {
                self.cache.insert(key, rest, start, &words[known..]);
            }
        }
    }

    /// Appends the words of a chunk.
    #[cold]
    fn split(&mut self, text: &str, map: &ByteMap, chunk: Range<usize>, words: &mut Vec<Word>) {
        let (start, bits) = (chunk.start, map.ascii_bits(chunk.start, chunk.end));
        split_chunk(&text[chunk], bits, Some(&self.exceptions), &mut self.ends);
        let mut from = 0;
        for &end in self.ends.offsets() {
            let to = end as usize;
            let part = &text[start + from..start + to];
            let (symbol, label) = (self.phrases.symbol(part), (self.label)(part));
            let bits = bits.map(|bits| bits.part(from, to));
            words.push(describe(text, start + from, start + to, bits, symbol, label));
            from = to;
        }
    }
}

/// Chunks whose places in the cache have been asked for.
#[derive(Clone, Copy, Default)]
struct Batch {
    chunks: [Chunk; BATCH],
    count: usize,
}

/// A chunk of text with its key in the cache, unless it is too long for it.
#[derive(Clone, Copy, Default)]
struct Chunk {
    start: usize,
    end: usize,
    key: Option<Key>,
}
