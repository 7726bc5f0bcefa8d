//! What becomes of the words that a spelling finds.

use crate::dedup::mix;

const START: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

/// Where a word stands in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordPlace {
    /// First byte of the piece of text that the word comes from.
    pub(crate) start: usize,
    /// End of that piece.
    pub(crate) end: usize,
    /// Words of the same piece before it; 0 where each word has a piece of its own.
    pub(crate) before: usize,
}

/// Takes words byte by byte.
pub(crate) trait Sink {
    /// One more byte of the word, as it is spelled for comparison.
    fn push(&mut self, byte: u8);
    /// The word is over. Returns whether to go on.
    fn end_word(&mut self, place: WordPlace) -> bool;

    /// One more character of the word.
    fn push_char(&mut self, ch: char) {
        let mut utf8 = [0; 4];
        for byte in ch.encode_utf8(&mut utf8).bytes() {
            self.push(byte);
        }
    }
}

/// Hands the hash of each word to `visit`, which says whether to go on.
pub(crate) struct HashSink<F> {
    hash: u64,
    visit: F,
}

impl<F: FnMut(u64, WordPlace) -> bool> HashSink<F> {
    pub(crate) fn new(visit: F) -> Self {
        Self { hash: START, visit }
    }
}

impl<F: FnMut(u64, WordPlace) -> bool> Sink for HashSink<F> {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }

    #[inline(always)]
    fn end_word(&mut self, place: WordPlace) -> bool {
        let hash = mix(self.hash);
        self.hash = START;
        (self.visit)(hash, place)
    }
}

/// The hash that [`HashSink`] gives to `word`.
pub(crate) fn hash_word(word: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    mix(word.bytes().fold(START, step))
}

/// Hands each word as text to `visit`, which says whether to go on.
pub(crate) struct TextSink<F> {
    word: Vec<u8>,
    visit: F,
}

impl<F: FnMut(&str, WordPlace) -> bool> TextSink<F> {
    pub(crate) fn new(visit: F) -> Self {
        Self { word: Vec::new(), visit }
    }
}

impl<F: FnMut(&str, WordPlace) -> bool> Sink for TextSink<F> {
    fn push(&mut self, byte: u8) {
        self.word.push(byte);
    }

    fn end_word(&mut self, place: WordPlace) -> bool {
        let word = std::str::from_utf8(&self.word).expect("words are pushed as whole characters");
        let more = (self.visit)(word, place);
        self.word.clear();
        more
    }
}
