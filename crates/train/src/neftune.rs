//! NEFTune: uniform noise on the embeddings of training tokens.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Words of the generator's stream that one row may use: 2^36 values, more than any row has.
const WORDS_PER_ROW_LOG2: u32 = 36;

/// Largest magnitude of the noise on a row of `len` tokens with embeddings of `dim` values.
///
/// `alpha / sqrt(len * dim)`: the length of the noise is then about `alpha / sqrt(3)` whatever the
/// row.
pub fn neftune_scale(alpha: f64, len: usize, dim: usize) -> f64 {
    alpha / (len as f64 * dim as f64).sqrt()
}

/// Adds noise to the embeddings `[len, dim]` of row `row` of step `step`.
///
/// The noise depends on seed, step and row alone: a resumed run draws the same, in any order of
/// rows.
///
/// # Panics
/// If `embeddings` is not `len` rows of `dim` values.
///
/// # Source
/// Jain et al. 2023, arXiv:2310.05914, algorithm 1. `len` is the row's own length there; `transformers`
/// counts padding too.
#[expect(clippy::cast_possible_truncation, reason = "the noise is f32 as the embeddings are")]
pub fn add_neftune_noise(
    (seed, step, row): (u64, u64, u32),
    alpha: f64,
    embeddings: &mut [f32],
    len: usize,
    dim: usize,
) {
    assert_eq!(embeddings.len(), len * dim, "embeddings [{len}, {dim}]");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(step);
    rng.set_word_pos(u128::from(row) << WORDS_PER_ROW_LOG2);
    let scale = neftune_scale(alpha, len, dim);
    for value in embeddings {
        // 24 bits: the even numbers of -1..1 that an f32 can hold.
        let even = f64::from(rng.next_u32() >> 8) / f64::from(1 << 23) - 1.0;
        *value += (scale * even) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(key: (u64, u64, u32), alpha: f64, len: usize, dim: usize) -> Vec<f32> {
        let mut values = vec![0.0; len * dim];
        add_neftune_noise(key, alpha, &mut values, len, dim);
        values
    }

    #[test]
    fn noise_is_uniform_up_to_the_scale() {
        let (len, dim) = (50, 64);
        let scale = neftune_scale(5.0, len, dim);
        assert!((scale - 5.0 / 3200f64.sqrt()).abs() < 1e-15);
        let values = noise((1, 2, 3), 5.0, len, dim);
        let largest = values.iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs())));
        assert!(largest <= scale && largest > 0.99 * scale, "{largest} of {scale}");
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / 3200.0;
        // A mean of 3200 uniform values deviates by scale / sqrt(3 * 3200).
        assert!(mean.abs() < 4.0 * scale / 9600f64.sqrt(), "{mean}");
        let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        assert!((square.sqrt() / (5.0 / 3f64.sqrt()) - 1.0).abs() < 0.05, "{square}");
    }

    #[test]
    fn noise_depends_on_seed_step_and_row_alone() {
        let keys = [(7, 0, 0), (7, 0, 1), (7, 1, 0), (8, 0, 0)];
        let all = keys.map(|key| noise(key, 5.0, 4, 8));
        for (i, a) in all.iter().enumerate() {
            assert_eq!(*a, noise(keys[i], 5.0, 4, 8));
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        // A longer row of the same key begins with the same draws at its own scale.
        let ratio = neftune_scale(5.0, 8, 8) / neftune_scale(5.0, 4, 8);
        for (long, short) in noise(keys[0], 5.0, 8, 8).iter().zip(&all[0]) {
            assert!((f64::from(*long) - f64::from(*short) * ratio).abs() < 1e-7);
        }
    }
}
