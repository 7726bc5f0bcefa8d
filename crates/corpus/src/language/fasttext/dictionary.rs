//! Words, labels, and the rows that stand for a word and its n-grams.

use super::matrix::{Lane, Matrix};
use super::ngrams::{HASH_START, KeptBuckets, Remainder, hash_byte};
use super::reader::Reader;
use crate::CorpusError;
use ahash::AHashMap;

/// The word that stands for the end of a line.
pub(super) const END: &[u8] = b"</s>";

/// What labels begin with; a word of a text that does is passed over.
const LABEL_PREFIX: &[u8] = b"__label__";

/// Counts above this would break the tree of the hierarchical softmax, which uses it as infinity.
const MAX_COUNT: i64 = 1_000_000_000_000_000;

/// The settings of a model that its dictionary needs.
pub(super) struct NgramSettings {
    /// Buckets for n-grams; 0 if there are none.
    pub(super) num_buckets: u32,
    /// Length of the shortest character n-gram.
    pub(super) min_len: usize,
    /// Length of the longest; 0 if there are no character n-grams.
    pub(super) max_len: usize,
    /// Length of the longest word n-gram; 1 if there are none.
    pub(super) words: usize,
}

/// Which rows buckets have.
#[derive(Debug)]
enum Buckets {
    /// There are no n-grams.
    None,
    /// A row for each bucket.
    All(Remainder),
    /// A row for each bucket that was kept.
    Kept(Remainder, KeptBuckets),
}

/// Buckets that are gathered before their rows are added; more than the longest n-gram.
const GATHERED: usize = 256;

/// What the n-grams of one word are gathered in.
#[derive(Debug)]
pub(super) struct WordBuffers {
    /// The word between its marks.
    bounded: Vec<u8>,
    /// Buckets of its n-grams.
    buckets: [u32; GATHERED],
    /// Where its characters end, after a zero.
    ends: Vec<usize>,
}

impl Default for WordBuffers {
    fn default() -> Self {
        Self { bounded: Vec::new(), buckets: [0; GATHERED], ends: Vec::new() }
    }
}

/// The words and labels of a model.
#[derive(Debug)]
pub(super) struct Dictionary {
    entries: AHashMap<Box<[u8]>, u32>,
    /// Labels without their prefix, in the order of the output rows.
    pub(super) labels: Vec<String>,
    /// How often each label occurred in training.
    pub(super) label_counts: Vec<i64>,
    num_words: u32,
    buckets: Buckets,
    min_len: usize,
    max_len: usize,
    word_ngrams: usize,
    /// Rows that the input matrix must have.
    pub(super) num_rows: usize,
    /// Whether n-grams were cut.
    pub(super) is_pruned: bool,
}

impl Dictionary {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        settings: &NgramSettings,
    ) -> Result<Self, CorpusError> {
        let size = reader.count32("the size of the dictionary")?;
        let num_words = reader.count32("the words of the dictionary")?;
        let num_labels = reader.count32("the labels of the dictionary")?;
        if num_words.checked_add(num_labels) != Some(size) || num_labels == 0 {
            return Err(reader.damaged("the size of the dictionary"));
        }
        let _tokens = reader.count64("the tokens of the dictionary")?;
        let num_kept = reader.i64("the kept n-grams")?;
        let mut dictionary = Self {
            entries: AHashMap::new(),
            labels: Vec::new(),
            label_counts: Vec::new(),
            num_words: u32::try_from(num_words).map_err(|_| reader.damaged("the words"))?,
            buckets: Buckets::None,
            min_len: settings.min_len,
            max_len: settings.max_len,
            word_ngrams: settings.words,
            num_rows: num_words,
            is_pruned: num_kept >= 0,
        };
        for at in 0..size {
            dictionary.read_entry(reader, at)?;
        }
        if let Ok(num_kept) = usize::try_from(num_kept) {
            dictionary.read_kept(reader, num_kept, settings.num_buckets)?;
        } else if settings.num_buckets > 0 {
            dictionary.buckets = Buckets::All(Remainder::new(settings.num_buckets));
            dictionary.num_rows += settings.num_buckets as usize;
        }
        Ok(dictionary)
    }

    /// Words come first, then labels.
    fn read_entry(&mut self, reader: &mut Reader<'_>, at: usize) -> Result<(), CorpusError> {
        let word = reader.string("a word of the dictionary")?;
        let count = reader.i64("the count of a word")?;
        let is_label = reader.flag("the kind of a word")?;
        if is_label != (at >= self.num_words as usize) || !(0..MAX_COUNT).contains(&count) {
            return Err(reader.damaged("a word of the dictionary"));
        }
        let id = u32::try_from(at).map_err(|_| reader.damaged("the words"))?;
        if is_label {
            let label = word.strip_prefix(LABEL_PREFIX).unwrap_or(word);
            self.labels.push(String::from_utf8_lossy(label).into_owned());
            self.label_counts.push(count);
        }
        self.entries.insert(word.into(), id);
        Ok(())
    }

    fn read_kept(
        &mut self,
        reader: &mut Reader<'_>,
        count: usize,
        num_buckets: u32,
    ) -> Result<(), CorpusError> {
        let what = "the kept n-grams";
        let Some(len) = count.checked_mul(8) else { return Err(reader.damaged(what)) };
        let bytes = reader.take(len, what)?;
        let mut kept = Vec::with_capacity(count);
        for pair in bytes.as_chunks::<8>().0 {
            let [b0, b1, b2, b3, r0, r1, r2, r3] = *pair;
            let bucket = u32::from_le_bytes([b0, b1, b2, b3]);
            let row = u32::from_le_bytes([r0, r1, r2, r3]);
            if bucket >= num_buckets || row as usize >= count {
                return Err(reader.damaged(what));
            }
            kept.push((bucket, row));
        }
        if count > 0 {
            self.buckets = Buckets::Kept(Remainder::new(num_buckets), KeptBuckets::new(&kept));
        }
        self.num_rows += count;
        Ok(())
    }

    /// Adds the rows of a word and of its n-grams to `sum`, and gives their count; `None` for a
    /// word that is a label or looks like one.
    pub(super) fn add_word(
        &self,
        rows: &Matrix,
        word: &[u8],
        work: &mut WordBuffers,
        sum: &mut [Lane],
    ) -> Option<u32> {
        let mut count = 0;
        if let Some(&id) = self.entries.get(word) {
            if id >= self.num_words {
                return None;
            }
            rows.add_row(id as usize, sum);
            count += 1;
        } else if word.starts_with(LABEL_PREFIX) {
            return None;
        }
        if self.max_len > 0 && word != END {
            work.bounded.clear();
            work.bounded.push(b'<');
            work.bounded.extend_from_slice(word);
            work.bounded.push(b'>');
            count += match &self.buckets {
                Buckets::None => 0,
                Buckets::All(remainder) => {
                    let row_of = |bucket| Some(bucket);
                    self.add_ngrams(work, sum, rows, remainder, |_| true, row_of)
                }
                Buckets::Kept(remainder, kept) => {
                    let may_be_kept = |bucket| kept.may_have(bucket);
                    self.add_ngrams(work, sum, rows, remainder, may_be_kept, |at| kept.row(at))
                }
            };
        }
        Some(count)
    }

    /// Adds the rows of the character n-grams of a word between its marks.
    ///
    /// A character is a byte that starts one and the continuation bytes after it. A single mark
    /// is no n-gram. Buckets are gathered first, without a branch on whether they may be kept:
    /// that is as good as random, and a processor that guesses wrong stops.
    #[inline]
    fn add_ngrams(
        &self,
        work: &mut WordBuffers,
        sum: &mut [Lane],
        rows: &Matrix,
        remainder: &Remainder,
        may_be_kept: impl Fn(u32) -> bool,
        row_of: impl Fn(u32) -> Option<u32>,
    ) -> u32 {
        let WordBuffers { bounded, buckets, ends } = work;
        ends.clear();
        ends.push(0);
        let starts_char = |&at: &usize| !is_continuation(bounded[at]);
        ends.extend((1..bounded.len()).filter(starts_char).chain([bounded.len()]));
        let num_chars = ends.len() - 1;
        let mut count = 0;
        let mut gathered = 0;
        for first in 0..num_chars {
            if gathered + self.max_len > buckets.len() {
                count += self.add_buckets(&buckets[..gathered], sum, rows, &row_of);
                gathered = 0;
            }
            let last = num_chars.min(first + self.max_len);
            let mut hash = HASH_START;
            for at in first..last {
                for &byte in &bounded[ends[at]..ends[at + 1]] {
                    hash = hash_byte(hash, byte);
                }
                let len = at + 1 - first;
                let is_mark = len == 1 && (first == 0 || last == first + 1 && at + 1 == num_chars);
                if len >= self.min_len && !is_mark {
                    let bucket = remainder.of(hash);
                    buckets[gathered] = bucket;
                    gathered += usize::from(may_be_kept(bucket));
                }
            }
        }
        count + self.add_buckets(&buckets[..gathered], sum, rows, &row_of)
    }

    fn add_buckets(
        &self,
        buckets: &[u32],
        sum: &mut [Lane],
        rows: &Matrix,
        row_of: &impl Fn(u32) -> Option<u32>,
    ) -> u32 {
        let mut count = 0;
        for &bucket in buckets {
            if let Some(row) = row_of(bucket) {
                rows.add_row((self.num_words + row) as usize, sum);
                count += 1;
            }
        }
        count
    }

    /// Whether words beside each other are features of this model.
    pub(super) fn uses_word_ngrams(&self) -> bool {
        self.word_ngrams > 1 && !matches!(self.buckets, Buckets::None)
    }

    /// Adds the rows of the word n-grams, given the hashes of the words, and gives their count.
    pub(super) fn add_word_ngrams(&self, rows: &Matrix, hashes: &[u32], sum: &mut [Lane]) -> u32 {
        let mut count = 0;
        for (start, &first) in hashes.iter().enumerate() {
            let mut hash = widen(first);
            for &next in hashes[start + 1..].iter().take(self.word_ngrams - 1) {
                hash = hash.wrapping_mul(116_049_371).wrapping_add(widen(next));
                let row = match &self.buckets {
                    Buckets::None => None,
                    Buckets::All(remainder) => Some(remainder.of_wide(hash)),
                    Buckets::Kept(remainder, kept) => kept.row(remainder.of_wide(hash)),
                };
                if let Some(row) = row {
                    rows.add_row((self.num_words + row) as usize, sum);
                    count += 1;
                }
            }
        }
        count
    }
}

/// fastText keeps the hashes of words as signed numbers, so they widen with their sign.
fn widen(hash: u32) -> u64 {
    i64::from(hash.cast_signed()).cast_unsigned()
}

#[inline]
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
