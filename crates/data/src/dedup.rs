//! Exact and near duplicates.

use crate::error::DataError;
use catena_protocol::{Cancel, Document, Progress};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap, HashSet};
use unicode_segmentation::UnicodeSegmentation;

/// The Mersenne prime over which the hash functions are drawn.
const PRIME: u64 = (1 << 61) - 1;
/// Documents between two progress reports.
const REPORT_EVERY: usize = 64;

/// How near duplicates are found.
///
/// Candidates come from MinHash with locality-sensitive hashing over word shingles: two documents
/// of Jaccard similarity `s` meet with probability `1 - (1 - s^rows)^bands`. Each candidate pair
/// is then verified with its exact Jaccard similarity, so nothing is dropped by chance.
///
/// # Source
/// Broder 1997; the banding of DataTrove and FineWeb: 14 bands of 8 rows over 5-word shingles.
/// Ours verifies candidates and can keep documents whose figures differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearDuplicateConfig {
    /// Jaccard similarity from which the later of two documents is dropped.
    pub threshold: f64,
    /// Words of a shingle.
    pub shingle_words: usize,
    /// Bands of the signature.
    pub bands: usize,
    /// Hashes of a band.
    pub rows: usize,
    /// Keep both documents if their numbers differ: two price lists with other prices share
    /// nearly all words and still say different things.
    pub keep_if_numbers_differ: bool,
    /// Seed of the hash functions.
    pub seed: u64,
}

impl Default for NearDuplicateConfig {
    fn default() -> Self {
        Self {
            threshold: 0.8,
            shingle_words: 5,
            bands: 14,
            rows: 8,
            keep_if_numbers_differ: true,
            seed: 0,
        }
    }
}

impl NearDuplicateConfig {
    /// Refuses values that make no sense.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let sizes = [
            ("shingle_words", self.shingle_words, 1..=100, "from 1 to 100"),
            ("bands", self.bands, 1..=512, "from 1 to 512"),
            ("rows", self.rows, 1..=64, "from 1 to 64"),
        ];
        for (key, value, range, expected) in sizes {
            if !range.contains(&value) {
                return Err(DataError::Config { key, found: value as f64, expected });
            }
        }
        if self.threshold > 0.0 && self.threshold <= 1.0 {
            return Ok(());
        }
        let (key, found) = ("near_duplicate_threshold", self.threshold);
        Err(DataError::Config { key, found, expected: "above 0, at most 1" })
    }
}

/// A document that repeats an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Duplicate {
    /// Index of the earlier document, which is kept.
    pub(crate) of: usize,
    /// Jaccard similarity of their shingles.
    pub(crate) similarity: f64,
}

/// For each document, the earlier one with the same content up to case and white space.
pub(crate) fn exact_duplicates(documents: &[Document]) -> Vec<Option<Duplicate>> {
    let mut first: HashMap<[u8; 32], usize> = HashMap::new();
    let duplicate = |(index, document): (usize, &Document)| {
        let words: Vec<&str> = document.content.split_whitespace().collect();
        let key = Sha256::digest(words.join(" ").to_lowercase().as_bytes()).into();
        let of = *first.entry(key).or_insert(index);
        (of != index).then_some(Duplicate { of, similarity: 1.0 })
    };
    documents.iter().enumerate().map(duplicate).collect()
}

/// For each document, the most similar earlier one that is kept, if it reaches the threshold.
///
/// Documents are judged in order against those kept so far, so the result does not chain and does
/// not depend on the order of hash tables.
pub(crate) fn near_duplicates(
    documents: &[&Document],
    config: &NearDuplicateConfig,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Option<Duplicate>>, DataError> {
    let mut kept = NearIndex::new(config);
    let mut places = Vec::new();
    let mut found = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        if cancel.is_cancelled() {
            return Err(DataError::Interrupted);
        }
        let entry = kept.entry(&format!("{} {}", document.title, document.content));
        let best = kept.best_of(&entry);
        if best.is_none() {
            kept.insert_entry(entry);
            places.push(index);
        }
        found.push(best.map(|best| Duplicate { of: places[best.of], ..best }));
        if (index + 1) % REPORT_EVERY == 0 {
            progress.update((index + 1) as u64);
        }
    }
    Ok(found)
}

/// Texts that others are compared with, by MinHash and then by their exact similarity.
pub(crate) struct NearIndex {
    config: NearDuplicateConfig,
    functions: Vec<(u64, u64)>,
    buckets: HashMap<(usize, u64), Vec<usize>>,
    entries: Vec<NearEntry>,
}

/// What is kept of a text.
pub(crate) struct NearEntry {
    shingles: HashSet<u64>,
    bands: Vec<(usize, u64)>,
    /// Its numbers in order, if they matter.
    numbers: Vec<String>,
}

impl NearIndex {
    /// An empty index. The configuration must have been checked.
    pub(crate) fn new(config: &NearDuplicateConfig) -> Self {
        let functions = hash_functions(config.bands * config.rows, config.seed);
        Self { config: *config, functions, buckets: HashMap::new(), entries: Vec::new() }
    }

    /// Adds a text; it is found by its position.
    pub(crate) fn insert(&mut self, text: &str) {
        let entry = self.entry(text);
        self.insert_entry(entry);
    }

    /// The text most similar to `text`, if it reaches the threshold; the first of several.
    pub(crate) fn best(&self, text: &str) -> Option<Duplicate> {
        self.best_of(&self.entry(text))
    }

    fn entry(&self, text: &str) -> NearEntry {
        let shingles = shingle_hashes(text, self.config.shingle_words);
        let bands = band_keys(&shingles, &self.functions, self.config.rows);
        let numbers = if self.config.keep_if_numbers_differ { numbers(text) } else { Vec::new() };
        NearEntry { shingles, bands, numbers }
    }

    fn insert_entry(&mut self, entry: NearEntry) {
        for key in &entry.bands {
            self.buckets.entry(*key).or_default().push(self.entries.len());
        }
        self.entries.push(entry);
    }

    fn best_of(&self, entry: &NearEntry) -> Option<Duplicate> {
        let met = entry.bands.iter().filter_map(|key| self.buckets.get(key)).flatten().copied();
        let candidates: BTreeSet<usize> = met.collect();
        let mut best: Option<Duplicate> = None;
        for of in candidates {
            let other = &self.entries[of];
            let similarity = jaccard(&other.shingles, &entry.shingles);
            let beats = best.is_none_or(|best| similarity > best.similarity);
            if similarity >= self.config.threshold && other.numbers == entry.numbers && beats {
                best = Some(Duplicate { of, similarity });
            }
        }
        best
    }
}

/// Hashes of every run of `len` words, lower-cased; a shorter text is one.
fn shingle_hashes(text: &str, len: usize) -> HashSet<u64> {
    let text = text.to_lowercase();
    let words: Vec<u64> = text.unicode_words().map(|word| fnv1a(word.as_bytes())).collect();
    let hash = |run: &[u64]| run.iter().fold(0, |sum, &word| mix(sum ^ word));
    if words.len() < len {
        return HashSet::from([hash(&words)]);
    }
    words.windows(len).map(hash).collect()
}

/// The numbers of a text in order.
fn numbers(text: &str) -> Vec<String> {
    let is_number = |word: &&str| word.starts_with(|ch: char| ch.is_ascii_digit());
    text.unicode_words().filter(is_number).map(ToOwned::to_owned).collect()
}

/// `|A ∩ B| / |A ∪ B|`.
fn jaccard(a: &HashSet<u64>, b: &HashSet<u64>) -> f64 {
    let shared = a.intersection(b).count();
    shared as f64 / (a.len() + b.len() - shared).max(1) as f64
}

/// One key per band: the band's number and a hash of its minima.
fn band_keys(shingles: &HashSet<u64>, functions: &[(u64, u64)], rows: usize) -> Vec<(usize, u64)> {
    let minimum = |&(a, b): &(u64, u64)| {
        shingles.iter().map(|&hash| affine(a, b, hash)).min().unwrap_or(PRIME)
    };
    let minima: Vec<u64> = functions.iter().map(minimum).collect();
    let key = |band: &[u64]| band.iter().fold(0, |sum, &min| mix(sum ^ min));
    minima.chunks(rows).map(key).enumerate().collect()
}

/// `(a x + b) mod (2^61 - 1)`.
fn affine(a: u64, b: u64, x: u64) -> u64 {
    let product = u128::from(a) * u128::from(x % PRIME) + u128::from(b);
    let folded = (product & u128::from(PRIME)) + (product >> 61);
    u64::try_from(folded % u128::from(PRIME)).expect("a residue of a 61-bit prime")
}

/// Coefficients `(a, b)`, `a` not zero, of `count` hash functions.
fn hash_functions(count: usize, seed: u64) -> Vec<(u64, u64)> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(state)
    };
    (0..count).map(|_| (1 + next() % (PRIME - 1), next() % PRIME)).collect()
}

/// The output function of SplitMix64: a bijection that spreads every bit.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_protocol::NoProgress;

    fn document(id: &str, content: &str) -> Document {
        Document { id: id.into(), title: String::new(), content: content.into() }
    }

    fn text(words: std::ops::Range<usize>) -> String {
        let word = |n: usize| {
            let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
            format!("w{}{}{}", letter(n), letter(n / 26), letter(n / 676))
        };
        words.map(word).collect::<Vec<_>>().join(" ")
    }

    fn near(documents: &[Document], config: &NearDuplicateConfig) -> Vec<Option<usize>> {
        let documents: Vec<&Document> = documents.iter().collect();
        let found = near_duplicates(&documents, config, &NoProgress, &Cancel::new()).unwrap();
        found.into_iter().map(|one| one.map(|duplicate| duplicate.of)).collect()
    }

    #[test]
    fn exact_duplicates_ignore_case_and_white_space() {
        let documents =
            [document("a", "One  two"), document("b", "three"), document("c", "one\ntwo ")];
        let found: Vec<_> =
            exact_duplicates(&documents).into_iter().map(|one| one.map(|d| d.of)).collect();
        assert_eq!(found, [None, None, Some(0)]);
    }

    #[test]
    fn near_duplicates_are_verified_with_the_exact_similarity() {
        // 200 words, 196 shingles. One changed word breaks 5: J = 191/201; 10 apart break 50.
        let changed = |every: usize| {
            let words = text(0..200);
            let words = words.split(' ').enumerate();
            let words = words.map(|(at, word)| if at % every == 7 { "other" } else { word });
            words.collect::<Vec<_>>().join(" ")
        };
        let documents = [
            document("base", &text(0..200)),
            document("one change", &changed(200)),
            document("ten changes", &changed(20)),
            document("unrelated", &text(300..500)),
        ];
        assert_eq!(near(&documents, &NearDuplicateConfig::default()), [None, Some(0), None, None]);
        let loose =
            NearDuplicateConfig { threshold: 0.55, bands: 56, rows: 2, ..Default::default() };
        assert_eq!(near(&documents, &loose), [None, Some(0), Some(0), None]);
    }

    #[test]
    fn documents_that_differ_in_figures_are_kept() {
        let with = |fee: &str| document(fee, &format!("{} {fee} {}", text(0..100), text(100..200)));
        let documents = [with("$5.00"), with("$7.00"), with("$5.00")];
        assert_eq!(near(&documents, &NearDuplicateConfig::default()), [None, None, Some(0)]);
        let blind = NearDuplicateConfig { keep_if_numbers_differ: false, ..Default::default() };
        assert_eq!(near(&documents, &blind), [None, Some(0), Some(0)]);
    }

    #[test]
    fn chinese_text_is_compared_by_characters() {
        let base =
            "客户可以在手机银行应用中申请更换信用卡，新卡将在七个工作日内寄出，旧卡同时失效。";
        let documents =
            [document("a", base), document("b", &format!("{base}谢谢")), document("c", "其他内容")];
        assert_eq!(near(&documents, &NearDuplicateConfig::default()), [None, Some(0), None]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let bad = NearDuplicateConfig { threshold: 1.5, ..Default::default() };
        insta::assert_snapshot!(bad.check().unwrap_err(), @"`near_duplicate_threshold` is 1.5, expected above 0, at most 1");
    }
}
