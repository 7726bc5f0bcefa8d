//! A model: from bytes, and from a text to its labels.

use super::cache::WordCache;
use super::dictionary::{Dictionary, END, NgramSettings, WordBuffers};
use super::matrix::{self, Lane, Matrix, lanes_for};
use super::ngrams::hash_word;
use super::output::{Output, Scored, Tree};
use super::reader::Reader;
use crate::CorpusError;
use std::sync::{Mutex, PoisonError};

/// First number of a model file.
const MAGIC: i32 = 793_712_314;

/// Larger files are refused.
const MAX_FILE_BYTES: usize = 8 << 30;

/// Vectors longer than this are refused; published models have 16 to 300 numbers.
const MAX_DIMENSION: usize = 1 << 14;

/// n-grams longer than this are refused: the work for a text grows with it.
const MAX_NGRAM: usize = 64;

/// The kind of a supervised model, and its losses, as the file numbers them.
const SUPERVISED: i32 = 3;
const HIERARCHICAL: i32 = 1;
const NEGATIVE_SAMPLING: i32 = 2;
const SOFTMAX: i32 = 3;
const ONE_VERSUS_ALL: i32 = 4;

/// A supervised fastText model: a language identifier, or any other classifier of texts.
///
/// Predictions may run in parallel; each takes buffers from a pool of the model.
#[derive(Debug)]
pub struct FastText {
    dictionary: Dictionary,
    input: Matrix,
    output_rows: Matrix,
    output: Output,
    dimension: usize,
    pool: Mutex<Vec<Buffers>>,
}

/// A label of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction<'m> {
    /// The label, without `__label__`.
    pub label: &'m str,
    /// Its probability, from 0 to 1.00001 (fastText adds an epsilon).
    pub probability: f32,
}

/// What one prediction writes to.
#[derive(Debug)]
struct Buffers {
    cache: WordCache,
    sum: Vec<Lane>,
    word_sum: Vec<Lane>,
    word: WordBuffers,
    hashes: Vec<u32>,
    values: Vec<f32>,
    found: Vec<Scored>,
}

impl FastText {
    /// Reads a model file (`.bin` or `.ftz`) of version 11 or 12.
    ///
    /// # Errors
    /// `ModelUnsupported` if the file is not a supervised fastText model, `ModelDamaged` if its
    /// numbers contradict each other or its end is missing, `ModelTooLarge` if it does not fit.
    pub fn load(bytes: &[u8]) -> Result<Self, CorpusError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(CorpusError::ModelTooLarge { bytes: bytes.len() });
        }
        let mut reader = Reader::new(bytes);
        let settings = Settings::read(&mut reader)?;
        let dictionary = Dictionary::read(&mut reader, &settings.ngrams)?;
        let quantized = reader.flag("the quantization flag")?;
        if dictionary.is_pruned && !quantized {
            return Err(reader.damaged("the quantization flag"));
        }
        let input = Matrix::read(&mut reader, settings.dimension, quantized)?;
        if input.rows() < dictionary.num_rows {
            return Err(reader.damaged("the rows of the input matrix"));
        }
        let quantized_output = reader.flag("the output's quantization flag")? && quantized;
        let output_rows = Matrix::read(&mut reader, settings.dimension, quantized_output)?;
        if output_rows.rows() != dictionary.labels.len() {
            return Err(reader.damaged("the rows of the output matrix"));
        }
        let output = match settings.loss {
            HIERARCHICAL => Output::Hierarchical(Tree::new(&dictionary.label_counts)),
            SOFTMAX => Output::Softmax,
            _ => Output::Independent,
        };
        let dimension = settings.dimension;
        Ok(Self { dictionary, input, output_rows, output, dimension, pool: Mutex::default() })
    }

    /// All labels, without `__label__`, in the order of the model.
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// The `k` most probable labels of a text, best first.
    ///
    /// Line ends count as spaces. As in fastText, a word `</s>` ends the text, and words that
    /// begin with `__label__` are passed over. Without any known word or n-gram there is no
    /// answer.
    pub fn predict(&self, text: &str, k: usize) -> Vec<Prediction<'_>> {
        self.predict_parts(std::iter::once(text), k)
    }

    /// The labels of a text that is given in parts, each of which ends at a space.
    pub(crate) fn predict_parts<'t>(
        &self,
        parts: impl Iterator<Item = &'t str>,
        k: usize,
    ) -> Vec<Prediction<'_>> {
        let pooled = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffers = pooled.unwrap_or_else(|| Buffers::new(self.dimension));
        let count = self.sum_rows(parts, &mut buffers);
        buffers.found.clear();
        if count > 0 {
            matrix::scale(&mut buffers.sum, 1.0 / count as f32);
            let Buffers { sum, values, found, .. } = &mut buffers;
            self.output.best(&self.output_rows, sum, k.min(self.labels().len()), values, found);
        }
        let predictions = buffers
            .found
            .iter()
            .map(|&(score, row)| Prediction {
                label: &self.dictionary.labels[row],
                probability: score.exp(),
            })
            .collect();
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        predictions
    }

    /// Sums the rows of all features of a text, and gives their count.
    fn sum_rows<'t>(&self, parts: impl Iterator<Item = &'t str>, buffers: &mut Buffers) -> u64 {
        buffers.sum.fill(Lane::default());
        buffers.hashes.clear();
        let mut count = 0_u64;
        let words = parts.flat_map(|part| part.as_bytes().split(|&byte| is_space(byte)));
        for word in words.filter(|word| !word.is_empty()) {
            if word == END {
                break;
            }
            count += u64::from(self.add_word(word, buffers));
        }
        count += u64::from(self.add_word(END, buffers));
        if self.dictionary.uses_word_ngrams() {
            let Buffers { sum, hashes, .. } = buffers;
            count += u64::from(self.dictionary.add_word_ngrams(&self.input, hashes, sum));
        }
        count
    }

    /// Adds the rows of one word to the text's, by way of the cache.
    #[inline]
    fn add_word(&self, word: &[u8], buffers: &mut Buffers) -> u32 {
        let Buffers { cache, sum, word_sum, word: work, hashes, .. } = buffers;
        // The cache does not know which words are passed over, and only word n-grams ask.
        let needs_hash = self.dictionary.uses_word_ngrams();
        let place = if needs_hash { None } else { cache.place(word) };
        if let Some((known, count)) = place.and_then(|place| cache.find(place)) {
            matrix::add(sum, known);
            return count;
        }
        word_sum.fill(Lane::default());
        let count = self.dictionary.add_word(&self.input, word, work, word_sum);
        if let Some(place) = place {
            cache.keep(place, word_sum, count.unwrap_or(0));
        }
        if needs_hash && count.is_some() {
            hashes.push(hash_word(word));
        }
        matrix::add(sum, word_sum);
        count.unwrap_or(0)
    }
}

impl Buffers {
    fn new(dimension: usize) -> Self {
        let lanes = lanes_for(dimension);
        Self {
            cache: WordCache::new(dimension),
            sum: vec![Lane::default(); lanes],
            word_sum: vec![Lane::default(); lanes],
            word: WordBuffers::default(),
            hashes: Vec::new(),
            values: Vec::new(),
            found: Vec::new(),
        }
    }
}

/// The bytes that part words. Not among them are the spaces beyond ASCII.
#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C | 0)
}

/// What the head of a file says of its model.
struct Settings {
    dimension: usize,
    loss: i32,
    ngrams: NgramSettings,
}

impl Settings {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CorpusError> {
        if reader.i32("the head")? != MAGIC {
            return Err(CorpusError::ModelUnsupported { what: "not a fastText model" });
        }
        let version = reader.i32("the version")?;
        if !(11..=12).contains(&version) {
            return Err(CorpusError::ModelUnsupported { what: "of an unknown version" });
        }
        let dimension = reader.count32("the dimension")?;
        for what in ["the window", "the epochs", "the lowest count", "the negatives"] {
            reader.i32(what)?;
        }
        let words = reader.i32("the word n-grams")?;
        let loss = reader.i32("the loss")?;
        if reader.i32("the kind of model")? != SUPERVISED {
            return Err(CorpusError::ModelUnsupported { what: "word vectors, not a classifier" });
        }
        if ![HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VERSUS_ALL].contains(&loss) {
            return Err(CorpusError::ModelUnsupported { what: "of an unknown loss" });
        }
        let num_buckets = reader.count32("the buckets")?;
        let min_len = reader.count32("the shortest n-gram")?;
        let max_len = reader.count32("the longest n-gram")?;
        reader.i32("the update rate")?;
        reader.f64("the sampling threshold")?;
        let words = usize::try_from(words.max(1)).unwrap_or(1);
        if !(1..=MAX_DIMENSION).contains(&dimension) || max_len > MAX_NGRAM || words > MAX_NGRAM {
            return Err(reader.damaged("the settings"));
        }
        // Classifiers of version 11 had no character n-grams, whatever their settings say.
        let max_len = if version == 11 { 0 } else { max_len };
        let num_buckets = u32::try_from(num_buckets).map_err(|_| reader.damaged("the buckets"))?;
        let ngrams = NgramSettings { num_buckets, min_len, max_len, words };
        Ok(Self { dimension, loss, ngrams })
    }
}
