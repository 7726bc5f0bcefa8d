//! Signatures bit for bit as DataTrove computes them.

use super::config::ShingleHash;
use super::hash::{high32, low32};
use super::mersenne_twister::MersenneTwister;
use regex::Regex;
use sha1::{Digest, Sha1};
use std::sync::LazyLock;
use twox_hash::XxHash64;
use unicode_normalization::UnicodeNormalization;

/// The Mersenne prime by which DataTrove reduces.
const PRIME: u64 = (1 << 61) - 1;

/// What DataTrove takes for punctuation, beside the control characters.
const PUNCTUATION: &str =
    "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»";

static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\p{Nd}+([.,،٫⎖⎗⎘]\p{Nd}+)?").expect("the pattern is well formed")
});
static MARKS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\p{Mn}+").expect("the pattern is well formed"));

/// `text` as DataTrove simplifies it before it looks for words.
///
/// Lower case; each number becomes `0`; punctuation and control characters become spaces; white
/// space becomes one space; marks (accents) go.
///
/// # Source
/// `simplify_text` of DataTrove 0.10 with its default settings, by its documented behaviour.
pub fn datatrove_text(text: &str) -> String {
    let lower = text.to_lowercase();
    let numbers = NUMBERS.replace_all(&lower, "0");
    let mut plain = String::with_capacity(numbers.len());
    for ch in numbers.chars() {
        let blank = ch.is_whitespace() || is_punctuation(ch);
        if !blank {
            plain.push(ch);
        } else if !plain.is_empty() && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    if plain.is_ascii() {
        plain.truncate(plain.trim_end().len());
        return plain;
    }
    let decomposed: String = plain.nfd().collect();
    MARKS.replace_all(&decomposed, "").trim().to_owned()
}

fn is_punctuation(ch: char) -> bool {
    let control = matches!(ch, '\0'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}');
    control || if ch.is_ascii() { ch.is_ascii_punctuation() } else { PUNCTUATION.contains(ch) }
}

/// DataTrove's hash functions: `(a x + b mod 2^64) mod (2^61 - 1)` over 64-bit shingle hashes.
#[derive(Clone, Debug)]
pub(super) struct TroveLanes {
    hash: ShingleHash,
    length: usize,
    multipliers: Vec<u64>,
    addends: Vec<u64>,
    /// The words, one space between them, and where each starts and ends.
    joined: String,
    spans: Vec<(usize, usize)>,
}

impl TroveLanes {
    pub(super) fn new(hash: ShingleHash, length: usize, count: usize, seed: u64) -> Self {
        // NumPy takes seeds of 32 bits.
        let mut random = MersenneTwister::new(low32(seed));
        let multipliers = (0..count).map(|_| random.between(1, PRIME)).collect();
        let addends = (0..count).map(|_| random.between(0, PRIME)).collect();
        Self { hash, length, multipliers, addends, joined: String::new(), spans: Vec::new() }
    }

    /// Replaces `signature` and `shingles` (the upper halves of their hashes) by those of the
    /// words; both are empty if the words are fewer than a shingle has.
    pub(super) fn sign<'w>(
        &mut self,
        words: impl IntoIterator<Item = &'w str>,
        signature: &mut Vec<u64>,
        shingles: &mut Vec<u32>,
    ) {
        self.joined.clear();
        self.spans.clear();
        for word in words {
            let start = self.joined.len();
            self.joined.push_str(word);
            self.spans.push((start, self.joined.len()));
            self.joined.push(' ');
        }
        signature.clear();
        shingles.clear();
        if self.spans.len() < self.length {
            return;
        }
        signature.resize(self.multipliers.len(), u64::MAX);
        for run in self.spans.windows(self.length) {
            let shingle = &self.joined.as_bytes()[run[0].0..run[self.length - 1].1];
            let hash = match self.hash {
                ShingleHash::Xxh64 => XxHash64::oneshot(0, shingle),
                ShingleHash::Sha1 => {
                    let digest = Sha1::digest(shingle);
                    u64::from_le_bytes(*digest.first_chunk().expect("SHA-1 has 20 bytes"))
                }
            };
            shingles.push(high32(hash));
            let parameters = self.multipliers.iter().zip(&self.addends);
            for (least, (a, b)) in signature.iter_mut().zip(parameters) {
                *least = (*least).min(reduce(a.wrapping_mul(hash).wrapping_add(*b)));
            }
        }
    }
}

/// `value mod (2^61 - 1)`.
#[inline(always)]
fn reduce(value: u64) -> u64 {
    let folded = (value & PRIME) + (value >> 61);
    if folded >= PRIME { folded - PRIME } else { folded }
}
