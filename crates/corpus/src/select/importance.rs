//! Choosing documents so that they look like a target.

use crate::dedup::mix;
use crate::error::CorpusError;
use crate::ngrams::{HashSink, RunHasher, Spelling};
use crate::quality::check_finite;
use crate::seeded::Seeded;

/// How texts are described.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImportanceOptions {
    /// Places into which runs of words are hashed, from 1 to 2^24.
    pub buckets: usize,
    /// Longest run, from 1 to 8 words.
    pub ngram: usize,
    /// Added to each frequency, so that none is 0.
    pub smoothing: f64,
}

impl Default for ImportanceOptions {
    /// The published values: 10,000 places, single words and pairs, 1e-8.
    fn default() -> Self {
        Self { buckets: 10_000, ngram: 2, smoothing: 1e-8 }
    }
}

impl ImportanceOptions {
    /// Refuses values that make no sense.
    pub fn check(&self) -> Result<(), CorpusError> {
        if !(1..=1 << 24).contains(&self.buckets) {
            let (key, found) = ("buckets", self.buckets as f64);
            return Err(CorpusError::Config { key, found, expected: "from 1 to 16777216" });
        }
        if !(1..=8).contains(&self.ngram) {
            let (key, found) = ("ngram", self.ngram as f64);
            return Err(CorpusError::Config { key, found, expected: "from 1 to 8" });
        }
        if self.smoothing > 0.0 && self.smoothing.is_finite() {
            return Ok(());
        }
        let (key, found) = ("smoothing", self.smoothing);
        Err(CorpusError::Config { key, found, expected: "above 0" })
    }
}

/// How much more likely a text is in a target corpus than in a raw one, by bags of hashed runs.
///
/// # Source
/// Xie et al. 2023, Data selection for language models via importance resampling,
/// arXiv:2302.03169.
#[derive(Clone, Debug)]
pub struct ImportanceModel {
    options: ImportanceOptions,
    /// For each place, `ln(target frequency) - ln(raw frequency)`.
    log_ratios: Vec<f64>,
}

impl ImportanceModel {
    /// Counts the runs of both corpora.
    ///
    /// # Errors
    /// [`CorpusError::Config`] for options out of range.
    pub fn fit(
        target: impl IntoIterator<Item = impl AsRef<str>>,
        raw: impl IntoIterator<Item = impl AsRef<str>>,
        options: &ImportanceOptions,
    ) -> Result<Self, CorpusError> {
        options.check()?;
        let target = frequencies(target, options);
        let raw = frequencies(raw, options);
        let ratio = |(target, raw): (f64, f64)| {
            ((target + options.smoothing) / (raw + options.smoothing)).ln()
        };
        let log_ratios = target.into_iter().zip(raw).map(ratio).collect();
        Ok(Self { options: *options, log_ratios })
    }

    /// The logarithm of the importance weight of a text: the sum over its runs.
    pub fn log_weight(&self, text: &str) -> f64 {
        let mut sum = 0.0;
        each_bucket(text, &self.options, |bucket| sum += self.log_ratios[bucket]);
        sum
    }
}

fn frequencies(
    texts: impl IntoIterator<Item = impl AsRef<str>>,
    options: &ImportanceOptions,
) -> Vec<f64> {
    let mut counts = vec![0u64; options.buckets];
    for text in texts {
        each_bucket(text.as_ref(), options, |bucket| counts[bucket] += 1);
    }
    let total = counts.iter().sum::<u64>().max(1) as f64;
    counts.into_iter().map(|count| count as f64 / total).collect()
}

fn each_bucket(text: &str, options: &ImportanceOptions, mut visit: impl FnMut(usize)) {
    let lengths: Vec<usize> = (1..=options.ngram).collect();
    let mut hasher = RunHasher::new(&lengths);
    let push = |word, _| {
        hasher.push(word, |_, run| {
            visit((((mix(run) >> 32) * options.buckets as u64) >> 32) as usize);
            true
        })
    };
    Spelling::Plain.scan(text, &mut HashSink::new(push));
}

/// Draws `count` different rows, each next one with a probability in proportion to
/// `exp(log_weight)` among those left; in ascending order of row.
///
/// The rows with the greatest `log_weight + g`, `g` a Gumbel draw of the row under the seed: what
/// a row draws depends on no other.
///
/// # Errors
/// [`CorpusError::NotFinite`].
///
/// # Source
/// Vieira 2014; Kool et al. 2019, arXiv:1903.06059.
pub fn gumbel_top_k(
    log_weights: &[f32],
    count: usize,
    seed: u64,
) -> Result<Vec<usize>, CorpusError> {
    check_finite("log weight", log_weights)?;
    let key = |(row, &weight): (usize, &f32)| {
        (f64::from(weight) + Seeded::of_item(seed, row as u64).gumbel(), row)
    };
    let mut keys: Vec<(f64, usize)> = log_weights.iter().enumerate().map(key).collect();
    keys.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut rows: Vec<usize> = keys.into_iter().take(count).map(|(_, row)| row).collect();
    rows.sort_unstable();
    Ok(rows)
}
