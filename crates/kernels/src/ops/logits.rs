//! Reading a row of logits.

use super::elementwise::{scale_values, softcap_values};
use crate::leveled::leveled;
use crate::math::{exp, fold};
use crate::{Level, Pool, level};

/// The position of the largest value; of equal ones the first. NaNs are never the largest.
///
/// # Panics
/// If the row is empty.
pub fn argmax(row_v: &[f32]) -> u32 {
    assert!(!row_v.is_empty(), "argmax of nothing");
    let largest = max(level(), row_v);
    position(level(), row_v, largest).unwrap_or(0) as u32
}

/// `log softmax(row)[token] = row[token] - max - log(sum(exp(row - max)))`
///
/// The sum runs in 16 lanes of f32 per 4096 values and in f64 over these.
///
/// # Panics
/// If there is no such token.
pub fn log_softmax_at(row_v: &[f32], token: u32) -> f32 {
    log_softmax_at_level(level(), row_v, token)
}

pub(super) fn log_softmax_at_level(level: Level, row_v: &[f32], token: u32) -> f32 {
    let largest = max(level, row_v);
    let sum: f64 = row_v.chunks(4096).map(|part| sum_exp(level, part, largest) as f64).sum();
    (row_v[token as usize] as f64 - largest as f64 - sum.ln()) as f32
}

leveled! {
    fn max(row_v: &[f32]) -> f32 {
        // As many lanes as hide the time that a comparison takes.
        let mut lanes = [f32::NEG_INFINITY; LOGITS_BLOCK];
        let (chunks, rest) = row_v.as_chunks::<LOGITS_BLOCK>();
        for chunk in chunks {
            for (lane, &v) in lanes.iter_mut().zip(chunk) {
                *lane = if v > *lane { v } else { *lane };
            }
        }
        lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
    }
}

leveled! {
    fn position(row_v: &[f32], wanted: f32) -> Option<usize> {
        for (block, values) in row_v.chunks(LOGITS_BLOCK).enumerate() {
            // Without a way out of the loop, so that it is one comparison per register.
            let mut found = false;
            for &v in values {
                found |= v == wanted;
            }
            if found {
                let within = values.iter().position(|&v| v == wanted);
                return within.map(|within| block * LOGITS_BLOCK + within);
            }
        }
        None
    }
}

leveled! {
    fn sum_exp(part: &[f32], largest: f32) -> f32 {
        let mut lanes = [0.0f32; 16];
        let (chunks, rest) = part.as_chunks::<16>();
        for chunk in chunks {
            for (lane, &v) in lanes.iter_mut().zip(chunk) {
                *lane += exp(v - largest);
            }
        }
        for (lane, &v) in lanes.iter_mut().zip(rest) {
            *lane += exp(v - largest);
        }
        lanes.iter().sum()
    }
}

/// Logits of one block in [`block_maxima`] and [`block_weights`]; a row's last block may be
/// shorter.
pub const LOGITS_BLOCK: usize = 64;

/// The largest value of each block of [`LOGITS_BLOCK`] logits; NaNs are passed over.
///
/// A search for large logits then looks only into the blocks that hold some.
///
/// # Panics
/// If `maxima` does not have one value per block.
pub fn block_maxima(row_v: &[f32], maxima: &mut [f32]) {
    assert_eq!(maxima.len(), row_v.len().div_ceil(LOGITS_BLOCK), "a maximum per block");
    block_maxima_at(level(), row_v, maxima);
}

/// [`argmax`] of a row whose [`block_maxima`] are known.
///
/// # Panics
/// If `maxima` does not have one value per block.
pub fn largest_of_blocks(row_v: &[f32], maxima: &[f32]) -> u32 {
    assert_eq!(maxima.len(), row_v.len().div_ceil(LOGITS_BLOCK), "a maximum per block");
    let largest = max(level(), maxima);
    let blocks = row_v.chunks(LOGITS_BLOCK).zip(maxima).enumerate();
    let mut found = blocks.filter(|(_, (_, maximum))| **maximum == largest).filter_map(
        |(block, (values, _))| {
            let within = values.iter().position(|&v| v == largest);
            within.map(|within| block * LOGITS_BLOCK + within)
        },
    );
    found.next().unwrap_or(0) as u32
}

/// What becomes of logits before anybody reads them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LogitsFinish {
    /// What they are multiplied by, first.
    pub scale: Option<f32>,
    /// `cap` in `cap tanh(x / cap)`, beyond which they cannot grow.
    ///
    /// # Source
    /// Gemma 2, arXiv:2408.00118, section 2.
    pub cap: Option<f32>,
}

impl LogitsFinish {
    /// Finishes whole blocks of a row and writes the largest value of each.
    pub(crate) fn apply(self, level: Level, logits: &mut [f32], maxima: &mut [f32]) {
        if let Some(factor) = self.scale {
            scale_values(level, logits, factor);
        }
        if let Some(cap) = self.cap {
            softcap_values(level, logits, cap);
        }
        block_maxima_at(level, logits, maxima);
    }
}

/// Finishes rows of `v` logits and writes their [`block_maxima`].
///
/// # Panics
/// If `logits_tv` is not whole rows, or `maxima` shorter than theirs.
pub fn finish_logits(
    pool: &Pool,
    logits_tv: &mut [f32],
    v: usize,
    finish: LogitsFinish,
    maxima: &mut [f32],
) {
    let (level, rows) = (level(), logits_tv.len() / v);
    assert!(logits_tv.len().is_multiple_of(v), "{} logits in rows of {v}", logits_tv.len());
    let matrices = [(logits_tv, v), (maxima, v.div_ceil(LOGITS_BLOCK))];
    let mut nothing = vec![(); pool.threads()];
    pool.for_each_block((rows, 1), matrices, &mut nothing, &|(), (_, [logits, maxima])| {
        finish.apply(level, logits, maxima);
    });
}

/// The sum of `exp((x - largest) * scale)` over each block of [`LOGITS_BLOCK`] logits.
///
/// # Panics
/// If `sums` does not have one value per block.
pub fn block_weights(row_v: &[f32], largest: f32, scale: f32, sums: &mut [f32]) {
    assert_eq!(sums.len(), row_v.len().div_ceil(LOGITS_BLOCK), "a sum per block");
    block_weights_at(level(), row_v, largest, scale, sums);
}

/// `exp((x - largest) * scale)` of each logit, in place.
pub fn softmax_weights(logits: &mut [f32], largest: f32, scale: f32) {
    softmax_weights_at(level(), logits, largest, scale);
}

leveled! {
    pub(super) fn block_maxima_at(row_v: &[f32], maxima: &mut [f32]) {
        for (block, maximum) in row_v.chunks(LOGITS_BLOCK).zip(maxima) {
            let mut lanes = [f32::NEG_INFINITY; 16];
            let (chunks, rest) = block.as_chunks::<16>();
            for chunk in chunks {
                for (lane, &v) in lanes.iter_mut().zip(chunk) {
                    *lane = if v > *lane { v } else { *lane };
                }
            }
            for width in [8, 4, 2, 1] {
                for i in 0..width {
                    lanes[i] = if lanes[i + width] > lanes[i] { lanes[i + width] } else { lanes[i] };
                }
            }
            *maximum = rest.iter().fold(lanes[0], |a, &b| if b > a { b } else { a });
        }
    }
}

leveled! {
    pub(super) fn block_weights_at(row_v: &[f32], largest: f32, scale: f32, sums: &mut [f32]) {
        for (block, sum) in row_v.chunks(LOGITS_BLOCK).zip(sums) {
            let mut lanes = [0.0f32; 16];
            let (chunks, rest) = block.as_chunks::<16>();
            for chunk in chunks {
                for (lane, &v) in lanes.iter_mut().zip(chunk) {
                    *lane += exp((v - largest) * scale);
                }
            }
            for (lane, &v) in lanes.iter_mut().zip(rest) {
                *lane += exp((v - largest) * scale);
            }
            *sum = fold(lanes);
        }
    }
}

leveled! {
    pub(super) fn softmax_weights_at(logits: &mut [f32], largest: f32, scale: f32) {
        for v in logits {
            *v = exp((*v - largest) * scale);
        }
    }
}
