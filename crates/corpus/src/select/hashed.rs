//! Vectors of texts without a model.

use crate::dedup::mix;
use crate::error::CorpusError;
use crate::ngrams::{HashSink, RunHasher, Spelling};

/// Vectors of length 1 by feature hashing, row by row: each run of one to `ngram` words adds 1 or
/// -1 to one of `dims` places, by its hash.
///
/// The dot product of two rows is close to the cosine of the bags of runs of both texts; the
/// error falls as `1 / sqrt(dims)`. A text without words has a row of zeros.
///
/// # Errors
/// [`CorpusError::Config`] unless `dims` is from 1 to 65,536 and `ngram` from 1 to 8.
///
/// # Source
/// Weinberger et al. 2009, arXiv:0902.2206.
pub fn hashed_embeddings(
    texts: impl IntoIterator<Item = impl AsRef<str>>,
    dims: usize,
    ngram: usize,
) -> Result<Vec<f32>, CorpusError> {
    if !(1..=65_536).contains(&dims) {
        let expected = "from 1 to 65536";
        return Err(CorpusError::Config { key: "dims", found: dims as f64, expected });
    }
    if !(1..=8).contains(&ngram) {
        return Err(CorpusError::Config {
            key: "ngram",
            found: ngram as f64,
            expected: "from 1 to 8",
        });
    }
    let lengths: Vec<usize> = (1..=ngram).collect();
    let mut hasher = RunHasher::new(&lengths);
    let mut values = Vec::new();
    for text in texts {
        let start = values.len();
        values.resize(start + dims, 0.0);
        let row = &mut values[start..];
        hasher.clear();
        let visit = |word, _| {
            hasher.push(word, |_, run| {
                let spread = mix(run);
                let place = ((spread >> 32) * dims as u64) >> 32;
                row[place as usize] += if spread & 1 == 0 { 1.0 } else { -1.0 };
                true
            })
        };
        Spelling::Plain.scan(text.as_ref(), &mut HashSink::new(visit));
        let norm = row.iter().map(|&value: &f32| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
            for value in row.iter_mut() {
                *value = (f64::from(*value) / norm) as f32;
            }
        }
    }
    Ok(values)
}
