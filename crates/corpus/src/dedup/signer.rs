//! Signatures of texts.

use super::config::{Hashing, MinHashConfig, Shingle};
use super::datatrove::{TroveLanes, datatrove_text};
use super::hash::mix;
use super::lanes::Lanes;
use super::shingles::{Shingler, to_set};

/// Turns texts into MinHash signatures; one per thread, as it keeps its buffers.
#[derive(Clone, Debug)]
pub struct Signer {
    rows: usize,
    shingler: Shingler,
    shingles: Vec<u32>,
    numbers: u64,
    functions: Functions,
    signature: Vec<u64>,
}

#[derive(Clone, Debug)]
enum Functions {
    Fast(Lanes),
    DataTrove(TroveLanes),
}

impl Signer {
    /// A signer for a configuration that has been checked.
    pub fn new(config: &MinHashConfig) -> Self {
        let count = config.num_hashes();
        let functions = match config.hashing {
            Hashing::Fast => Functions::Fast(Lanes::new(count, config.seed)),
            Hashing::DataTrove(hash) => {
                let (Shingle::Words(length) | Shingle::Characters(length)) = config.shingle;
                Functions::DataTrove(TroveLanes::new(hash, length, count, config.seed))
            }
        };
        Self {
            rows: config.rows,
            shingler: Shingler::new(config.shingle),
            shingles: Vec::new(),
            numbers: 0,
            functions,
            signature: Vec::new(),
        }
    }

    /// The signature of `text`: `bands x rows` numbers, or none if it has no shingle.
    ///
    /// With DataTrove's hashing the words are those between the spaces of [`datatrove_text`];
    /// where its tokenizer would cut otherwise, [`Self::sign_words`] takes the words.
    pub fn sign(&mut self, text: &str) -> &[u64] {
        if matches!(self.functions, Functions::DataTrove(_)) {
            let plain = datatrove_text(text);
            return self.sign_trove(plain.split(' ').filter(|word| !word.is_empty()));
        }
        self.numbers = self.shingler.read(text, &mut self.shingles);
        self.sign_shingles()
    }

    /// The signature of a text with these words.
    pub fn sign_words<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) -> &[u64] {
        if matches!(self.functions, Functions::DataTrove(_)) {
            return self.sign_trove(words);
        }
        let words: Vec<&str> = words.into_iter().collect();
        self.sign(&words.join(" "))
    }

    fn sign_trove<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) -> &[u64] {
        if let Functions::DataTrove(lanes) = &mut self.functions {
            lanes.sign(words, &mut self.signature, &mut self.shingles);
        }
        &self.signature
    }

    fn sign_shingles(&mut self) -> &[u64] {
        self.signature.clear();
        if let Functions::Fast(lanes) = &mut self.functions
            && !self.shingles.is_empty()
        {
            self.signature
                .extend(lanes.minima(&self.shingles).iter().map(|&least| u64::from(least)));
        }
        &self.signature
    }

    /// One key per band of the signature made last: texts that agree in one meet. None if the
    /// text had no shingle.
    pub fn band_keys(&self) -> impl Iterator<Item = u64> {
        let key = |(band, rows): (usize, &[u64])| {
            rows.iter().fold(mix(band as u64 + 1), |key, &row| mix(key ^ row))
        };
        self.signature.chunks(self.rows).enumerate().map(key)
    }

    /// The sorted set of shingles of the text signed last.
    pub(super) fn set(&mut self) -> &[u32] {
        to_set(&mut self.shingles);
        &self.shingles
    }

    /// A hash of the numbers of the text signed last, in their order.
    pub(super) fn numbers(&self) -> u64 {
        self.numbers
    }
}
