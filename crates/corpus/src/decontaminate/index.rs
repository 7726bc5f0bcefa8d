//! The runs of words of all items, found by hash.

use super::options::DecontaminationOptions;
use crate::error::CorpusError;
use crate::ngrams::{RunHasher, hash_word};
use std::collections::HashMap;

/// Bits of the filter for each run: one in 32 other words then goes past it by chance.
const FILTER_BITS_PER_RUN: usize = 32;

/// The items and their runs.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) benchmarks: Vec<String>,
    pub(super) items: Vec<Item>,
    /// The words of all items, one after another, each followed by a space.
    words: String,
    /// Where each word ends in `words`, and an end for the first to begin after.
    ends: Vec<u32>,
    /// Runs in the order of their hash, then of their place.
    runs: Vec<Run>,
    filter: Vec<u64>,
    /// The lengths of runs that occur, in ascending order.
    pub(super) lengths: Vec<usize>,
}

/// One item of a benchmark.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) benchmark: u32,
    /// Its number within its benchmark.
    pub(super) number: u32,
    /// Runs of it that are indexed.
    pub(super) runs: u32,
}

/// One run of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    hash: u64,
    /// Its first word among all.
    pub(super) word: u32,
    pub(super) item: u32,
    words: u8,
}

impl Index {
    /// Adds an item: the words of its question and of the rest.
    pub(super) fn add(
        &mut self,
        benchmark: u32,
        number: u32,
        query: &[String],
        text: &[String],
        options: &DecontaminationOptions,
    ) -> Result<(), CorpusError> {
        let item = place(self.items.len(), "benchmark items")?;
        let first_word = place(self.ends.len(), "benchmark words")?;
        let mut hashes = Vec::with_capacity(query.len() + text.len());
        for word in query.iter().chain(text) {
            self.words.push_str(word);
            self.ends.push(place(self.words.len(), "bytes of benchmark words")?);
            self.words.push(' ');
            hashes.push(hash_word(word));
        }
        let runs_before = self.runs.len();
        let words = options.ngram.min(hashes.len());
        if words >= options.shortest {
            self.add_runs(item, first_word, &hashes, words, |first| {
                options.index_queries || first + words > query.len()
            });
        }
        let runs = place(self.runs.len() - runs_before, "runs of an item")?;
        self.items.push(Item { benchmark, number, runs });
        Ok(())
    }

    fn add_runs(
        &mut self,
        item: u32,
        first_word: u32,
        hashes: &[u64],
        words: usize,
        counts: impl Fn(usize) -> bool,
    ) {
        let mut hasher = RunHasher::new(&[words]);
        let length = u8::try_from(words).expect("options allow runs of at most 100 words");
        for (at, &hash) in hashes.iter().enumerate() {
            hasher.push(hash, |_, hash| {
                let first = at + 1 - words;
                if counts(first) {
                    let word = first_word
                        + u32::try_from(first).expect("all words are counted in 32 bits");
                    self.runs.push(Run { hash, word, item, words: length });
                }
                true
            });
        }
    }

    /// Makes the index ready to be searched.
    pub(super) fn finish(&mut self) {
        self.runs.sort_unstable();
        self.lengths = self.runs.iter().map(|run| usize::from(run.words)).collect();
        self.lengths.sort_unstable();
        self.lengths.dedup();
        let bits = (self.runs.len() * FILTER_BITS_PER_RUN).next_power_of_two().max(64);
        self.filter = vec![0; bits / 64];
        for run in &self.runs {
            let bit = run.hash & (bits as u64 - 1);
            self.filter[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    /// Whether a run with this hash may be known.
    #[inline(always)]
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let bit = hash & (self.filter.len() as u64 * 64 - 1);
        self.filter[(bit / 64) as usize] >> (bit % 64) & 1 == 1
    }

    /// The runs of `words` words with this hash.
    pub(super) fn candidates(&self, hash: u64, words: usize) -> impl Iterator<Item = Run> + '_ {
        let first = self.runs.partition_point(|run| run.hash < hash);
        let same = self.runs[first..].iter().take_while(move |run| run.hash == hash);
        same.filter(move |run| usize::from(run.words) == words).copied()
    }

    /// The words of a run with single spaces between.
    pub(super) fn text_of(&self, run: Run) -> &str {
        let first = run.word as usize;
        let start = if first == 0 { 0 } else { self.ends[first - 1] as usize + 1 };
        &self.words[start..self.ends[first + usize::from(run.words) - 1] as usize]
    }

    /// The number of the benchmark `name`, new or known.
    pub(super) fn benchmark(
        &mut self,
        name: &str,
        known: &mut HashMap<String, u32>,
    ) -> Result<u32, CorpusError> {
        if let Some(&number) = known.get(name) {
            return Ok(number);
        }
        let number = place(self.benchmarks.len(), "benchmarks")?;
        self.benchmarks.push(name.to_owned());
        known.insert(name.to_owned(), number);
        Ok(number)
    }
}

/// `count` as a place in the index, which has room for 2^32 of everything.
fn place(count: usize, what: &'static str) -> Result<u32, CorpusError> {
    u32::try_from(count).map_err(|_| CorpusError::TooMany {
        what,
        found: count as u64,
        limit: u64::from(u32::MAX),
    })
}
