//! How near duplicates are found, and the settings that others have published.

use crate::error::CorpusError;

/// What a shingle is: the piece of text whose presence is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shingle {
    /// A run of so many words; a shorter text is one shingle.
    Words(usize),
    /// A run of so many characters; a shorter text is one shingle.
    Characters(usize),
}

/// The hash of a shingle in the signatures of DataTrove: the first 64 bits of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShingleHash {
    /// XXH64 with seed 0, DataTrove's default.
    Xxh64,
    /// SHA-1, which FineWeb was made with.
    Sha1,
}

/// How a text becomes a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashing {
    /// Ours: rolling 32-bit shingle hashes under 32-bit multiplications.
    Fast,
    /// The numbers that DataTrove 0.10 computes, bit for bit.
    DataTrove(ShingleHash),
}

/// What is made of pairs of near duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// All that hangs together is a cluster, and its first document stands for it. The two ends of
    /// a chain can be less similar than the threshold.
    Clusters,
    /// A document is a duplicate if it is similar to an earlier one that is kept; of several, the
    /// most similar. Nothing is dropped that is not similar to something kept. Documents with
    /// equal shingles share the verdict on the first of them. Needs `verify`; without it, as
    /// [`Self::Clusters`].
    Kept,
}

/// How near duplicates are found.
///
/// Candidates come from MinHash with locality-sensitive hashing: two texts of Jaccard similarity
/// `s` (shared shingles over all shingles) meet with probability `1 - (1 - s^rows)^bands`. If
/// `verify` is set, each pair that met is then compared by its true similarity, so that nothing
/// is dropped by chance.
///
/// # Source
/// Broder 1997 (MinHash); Indyk and Motwani 1998 (banding).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinHashConfig {
    /// What is compared.
    pub shingle: Shingle,
    /// Bands of the signature: texts that agree in one of them meet.
    pub bands: usize,
    /// Hashes of a band.
    pub rows: usize,
    /// Jaccard similarity from which two texts are near duplicates.
    pub threshold: f64,
    /// Whether pairs that met are compared by their true similarity; without it every pair that
    /// met counts, as in tools that look at signatures alone.
    pub verify: bool,
    /// Keep both texts if their numbers differ: two price lists with other prices share nearly
    /// all words and still say different things. Only looked at if `verify` is set, and not with
    /// DataTrove's hashing, for which all numbers are the same.
    pub keep_if_numbers_differ: bool,
    /// What is made of the pairs.
    pub linking: Linking,
    /// Seed of the hash functions.
    pub seed: u64,
    /// How a text becomes a signature.
    pub hashing: Hashing,
}

impl Default for MinHashConfig {
    /// The preset `catena`: 20 bands of 6 rows over 5-word shingles, verified at 0.8.
    ///
    /// Of pairs at 0.8 it meets 99.8 %, of pairs at 0.5 it compares 27 % in vain, of pairs at
    /// 0.2 one in a thousand.
    fn default() -> Self {
        Self {
            shingle: Shingle::Words(5),
            bands: 20,
            rows: 6,
            threshold: 0.8,
            verify: true,
            keep_if_numbers_differ: false,
            linking: Linking::Clusters,
            seed: 0,
            hashing: Hashing::Fast,
        }
    }
}

impl MinHashConfig {
    /// The names that [`Self::preset`] knows.
    pub const PRESETS: [&str; 7] =
        ["catena", "fineweb", "datatrove", "refinedweb", "nemo", "data-juicer", "text-dedup"];

    /// Settings by the name of the tool or data set that made them known.
    ///
    /// | name | shingle | bands x rows | verified |
    /// |---|---|---|---|
    /// | `catena` | 5 words | 20 x 6 | from 0.8 |
    /// | `datatrove`, `fineweb` | 5 words, XXH64 or SHA-1, seed 1 | 14 x 8 | no |
    /// | `refinedweb` | 5 words | 450 x 20 | no |
    /// | `nemo` | 24 characters | 20 x 13 | no |
    /// | `data-juicer` | 5 words | 256 hashes, best for 0.7 | no |
    /// | `text-dedup` | 5 words | 240 hashes, best for 0.7 | from 0.7 |
    ///
    /// Only the first two kinds reproduce the original's hashes; of the others it is the
    /// parameters that are the same.
    ///
    /// # Errors
    /// [`CorpusError::UnknownName`] with the name that may have been meant.
    pub fn preset(name: &str) -> Result<Self, CorpusError> {
        let ours = Self::default();
        let unverified = Self { verify: false, ..ours };
        let trove = |hash| Self {
            bands: 14,
            rows: 8,
            threshold: banding_threshold(14, 8),
            seed: 1,
            hashing: Hashing::DataTrove(hash),
            ..unverified
        };
        let best = |hashes: usize, verify| {
            let (bands, rows) = best_banding(hashes, 0.7);
            Self { bands, rows, threshold: 0.7, verify, ..ours }
        };
        let with = |shingle, bands, rows| {
            let threshold = banding_threshold(bands, rows);
            Self { shingle, bands, rows, threshold, ..unverified }
        };
        match name {
            "catena" => Ok(ours),
            "datatrove" => Ok(trove(ShingleHash::Xxh64)),
            "fineweb" => Ok(trove(ShingleHash::Sha1)),
            "refinedweb" => Ok(with(Shingle::Words(5), 450, 20)),
            "nemo" => Ok(with(Shingle::Characters(24), 20, 13)),
            "data-juicer" => Ok(best(256, false)),
            "text-dedup" => Ok(best(240, true)),
            _ => Err(CorpusError::unknown("parameter set", name, Self::PRESETS)),
        }
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`CorpusError::Config`] with the setting and its range.
    pub fn check(&self) -> Result<(), CorpusError> {
        let (key, length) = match self.shingle {
            Shingle::Words(words) => ("shingle_words", words),
            Shingle::Characters(characters) => ("shingle_characters", characters),
        };
        let sizes = [
            (key, length, 1..=1000, "from 1 to 1000"),
            ("bands", self.bands, 1..=1024, "from 1 to 1024"),
            ("rows", self.rows, 1..=256, "from 1 to 256"),
        ];
        for (key, value, range, expected) in sizes {
            if !range.contains(&value) {
                return Err(CorpusError::Config { key, found: value as f64, expected });
            }
        }
        if self.threshold > 0.0 && self.threshold <= 1.0 {
            return Ok(());
        }
        let (key, found) = ("near_duplicate_threshold", self.threshold);
        Err(CorpusError::Config { key, found, expected: "above 0, at most 1" })
    }

    /// Probability that two texts of this Jaccard similarity meet in a band.
    ///
    /// `1 - (1 - s^rows)^bands`
    pub fn recall(&self, similarity: f64) -> f64 {
        meets(similarity, self.bands, self.rows)
    }

    /// Whether the numbers of two texts must be the same.
    pub(super) fn compares_numbers(&self) -> bool {
        self.verify && self.keep_if_numbers_differ
    }

    /// Hashes of a signature.
    pub fn num_hashes(&self) -> usize {
        self.bands * self.rows
    }
}

fn meets(similarity: f64, bands: usize, rows: usize) -> f64 {
    1.0 - (1.0 - similarity.powf(rows as f64)).powf(bands as f64)
}

/// The similarity around which the chance of a meeting rises: `(1 / bands)^(1 / rows)`.
fn banding_threshold(bands: usize, rows: usize) -> f64 {
    (1.0 / bands as f64).powf(1.0 / rows as f64)
}

/// The bands and rows within `hashes` that err least around `threshold`.
///
/// The error is the area of false meetings below the threshold plus the area of missed ones above
/// it, both with the same weight; of several, the one with the fewest bands, then rows.
///
/// # Source
/// The measure is the one datasketch documents for its LSH; text-dedup and Data-Juicer use it.
pub fn best_banding(hashes: usize, threshold: f64) -> (usize, usize) {
    let mut best = (f64::INFINITY, (1, 1));
    for bands in 1..=hashes {
        for rows in 1..=hashes / bands {
            let false_area = area(0.0, threshold, |s| meets(s, bands, rows));
            let missed_area = area(threshold, 1.0, |s| 1.0 - meets(s, bands, rows));
            let error = f64::midpoint(false_area, missed_area);
            if error < best.0 {
                best = (error, (bands, rows));
            }
        }
    }
    best.1
}

/// The integral of `height` by the midpoint rule.
fn area(from: f64, to: f64, height: impl Fn(f64) -> f64) -> f64 {
    const STEPS: usize = 200;
    let width = (to - from) / STEPS as f64;
    (0..STEPS).map(|step| height(from + width * (step as f64 + 0.5)) * width).sum()
}
