//! Looking for the runs of benchmark items in a text.

use super::index::{Index, Run};
use super::options::{BenchmarkItem, DecontaminationOptions};
use crate::error::CorpusError;
use crate::ngrams::{HashSink, RunHasher, TextSink, WordPlace, hash_word};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// What a text shares with a benchmark item.
#[derive(Clone, Debug, PartialEq)]
pub struct Contamination {
    /// Name of the benchmark.
    pub benchmark: String,
    /// Number of the item within its benchmark, in the order given.
    pub item: usize,
    /// The first run found, as spelled for comparison.
    pub ngram: String,
    /// Where that run stands in the text, in bytes; of a list of words, in words.
    pub span: Range<usize>,
    /// Different runs of the item found before it was clear that the text is contaminated.
    pub matches: usize,
    /// `matches` by the number of runs of the item.
    pub overlap: f64,
}

/// Finds texts that hold items of evaluation sets.
///
/// A run of words counts if it is the same word by word; hashes only point to where to look.
#[derive(Debug)]
pub struct Decontaminator {
    options: DecontaminationOptions,
    index: Index,
    hasher: RunHasher,
    /// Places of the last words, as many as the longest run and at least one more.
    places: Vec<WordPlace>,
    /// Runs of each item found in the text at hand.
    found: BTreeMap<u32, Found>,
}

/// What was found of an item.
#[derive(Debug, Default)]
struct Found {
    /// First words of the runs found.
    words: BTreeSet<u32>,
    first: Option<(String, Range<usize>)>,
}

impl Decontaminator {
    /// Indexes `items`, such as pairs of a benchmark's name and a text.
    ///
    /// # Errors
    /// [`CorpusError::Config`] for options out of range, [`CorpusError::TooMany`] beyond 2^32
    /// words or bytes of words.
    pub fn build<'a, I>(items: I, options: &DecontaminationOptions) -> Result<Self, CorpusError>
    where
        I: IntoIterator,
        I::Item: Into<BenchmarkItem<'a>>,
    {
        let words = |text: &str| {
            let mut words = Vec::new();
            let mut sink = TextSink::new(|word: &str, _| {
                words.push(word.to_owned());
                true
            });
            options.spelling.scan(text, &mut sink);
            words
        };
        let as_words = items.into_iter().map(|item| {
            let item: BenchmarkItem<'a> = item.into();
            let query = item.query.map_or_else(Vec::new, &words);
            (item.benchmark.to_owned(), query, words(item.text))
        });
        Self::build_from_words(as_words, options)
    }

    /// Indexes items whose words somebody else has parted: the benchmark's name, the words of the
    /// question and those of the rest.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn build_from_words(
        items: impl IntoIterator<Item = (String, Vec<String>, Vec<String>)>,
        options: &DecontaminationOptions,
    ) -> Result<Self, CorpusError> {
        options.check()?;
        let mut index = Index::default();
        let (mut known, mut counts) = (HashMap::new(), HashMap::new());
        for (name, query, text) in items {
            let benchmark = index.benchmark(&name, &mut known)?;
            let number = counts.entry(benchmark).or_insert(0);
            index.add(benchmark, *number, &query, &text, options)?;
            *number += 1;
        }
        index.finish();
        let hasher = RunHasher::new(&index.lengths);
        let places = vec![WordPlace::default(); (options.ngram + 1).next_power_of_two()];
        Ok(Self { options: *options, index, hasher, places, found: BTreeMap::new() })
    }

    /// What `text` shares with the benchmarks: of several items the first one found, or, where
    /// more than one run is asked for, the one with the greatest overlap.
    pub fn check(&mut self, text: &str) -> Option<Contamination> {
        let Self { options, index, hasher, places, found } = self;
        hasher.clear();
        found.clear();
        let mask = places.len() - 1;
        let mut count = 0;
        let visit = |hash, place| {
            places[count & mask] = place;
            count += 1;
            hasher.push(hash, |words, run| {
                if !index.may_hold(run) {
                    return true;
                }
                let first = places[(count - words) & mask];
                let spelled = || spell(options, text, first, place.end, words);
                let span = first.start..place.end;
                !note(index, options, found, (run, words), spelled, &span)
            })
        };
        options.spelling.scan(text, &mut HashSink::new(visit));
        self.verdict()
    }

    /// As [`Self::check`] for a text whose words somebody else has parted.
    pub fn check_words(&mut self, text: &[&str]) -> Option<Contamination> {
        let Self { options, index, hasher, found, .. } = self;
        hasher.clear();
        found.clear();
        for (at, word) in text.iter().enumerate() {
            let more = hasher.push(hash_word(word), |words, run| {
                if !index.may_hold(run) {
                    return true;
                }
                let span = at + 1 - words..at + 1;
                let spelled = || text[span.clone()].join(" ");
                !note(index, options, found, (run, words), spelled, &span)
            });
            if !more {
                break;
            }
        }
        self.verdict()
    }

    /// Number of different items.
    pub fn items(&self) -> usize {
        self.index.items.len()
    }

    /// Items with no run to look for, because they are too short: benchmark and number.
    pub fn unindexed(&self) -> impl Iterator<Item = (&str, usize)> {
        let short = self.index.items.iter().filter(|item| item.runs == 0);
        short.map(|item| {
            (self.index.benchmarks[item.benchmark as usize].as_str(), item.number as usize)
        })
    }

    /// The item found that shares most, if it shares enough; of several the first.
    fn verdict(&self) -> Option<Contamination> {
        let enough = self.found.iter().filter(|(item, found)| {
            is_enough(&self.index, &self.options, **item, found.words.len())
        });
        let overlap = |item: u32, found: &Found| {
            found.words.len() as f64 / f64::from(self.index.items[item as usize].runs)
        };
        let best = enough
            .max_by(|a, b| overlap(*a.0, a.1).total_cmp(&overlap(*b.0, b.1)).then(b.0.cmp(a.0)));
        let (&at, found) = best?;
        let item = &self.index.items[at as usize];
        let (ngram, span) = found.first.clone()?;
        Some(Contamination {
            benchmark: self.index.benchmarks[item.benchmark as usize].clone(),
            item: item.number as usize,
            ngram,
            span,
            matches: found.words.len(),
            overlap: overlap(at, found),
        })
    }
}

/// Counts the run for every item that has it word by word. Returns whether the verdict is clear.
fn note(
    index: &Index,
    options: &DecontaminationOptions,
    found: &mut BTreeMap<u32, Found>,
    (hash, words): (u64, usize),
    spelled: impl FnOnce() -> String,
    span: &Range<usize>,
) -> bool {
    let mut candidates = index.candidates(hash, words).peekable();
    if candidates.peek().is_none() {
        return false;
    }
    let text = spelled();
    let mut is_clear = false;
    for run in candidates.filter(|&run| index.text_of(run) == text) {
        let Run { item, word, .. } = run;
        let of_item = found.entry(item).or_default();
        of_item.words.insert(word);
        of_item.first.get_or_insert_with(|| (text.clone(), span.clone()));
        is_clear |= options.min_matches == 1 && options.min_overlap == 0.0;
    }
    is_clear
}

/// Whether so many runs of an item make a text contaminated.
fn is_enough(index: &Index, options: &DecontaminationOptions, item: u32, matches: usize) -> bool {
    let runs = index.items[item as usize].runs as usize;
    // A short item has fewer runs than may be asked for; all of them are then enough.
    let wanted = options.min_matches.min(runs);
    matches >= wanted && matches as f64 >= options.min_overlap * runs as f64
}

/// The `words` words from the place `first` on, as spelled for comparison.
fn spell(
    options: &DecontaminationOptions,
    text: &str,
    first: WordPlace,
    end: usize,
    words: usize,
) -> String {
    let mut spelled = String::new();
    let mut count = 0;
    let mut sink = TextSink::new(|word: &str, _| {
        count += 1;
        if count > first.before {
            if !spelled.is_empty() {
                spelled.push(' ');
            }
            spelled.push_str(word);
        }
        count < first.before + words
    });
    options.spelling.scan(&text[first.start..end], &mut sink);
    spelled
}
