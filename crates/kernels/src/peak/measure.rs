//! Running the yardsticks on every thread of a pool.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::leveled::leveled;
use crate::{AlignedBuf, KernelError, Level, Pool, level, span};

/// Rounds of one timed piece: about a millisecond.
const ROUNDS: usize = 1 << 15;
/// Timed pieces; the fastest counts, since a neighbour can only slow a machine down.
const PIECES: usize = 200;

/// Arithmetic per second of all threads of a pool together, at the level in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peaks {
    /// f32 operations, a fused multiply-add counting as two.
    pub f32_ops: f64,
    /// Operations of 8-bit products, a multiplication with its addition counting as two.
    pub int8_ops: f64,
    /// bf16 operations, where the processor has an instruction for them.
    pub bf16_ops: Option<f64>,
}

/// One yardstick: how many operations so many rounds were.
type Chain = fn(usize) -> f64;

/// Measures the arithmetic peaks, in about a quarter of a second.
pub fn measure_peaks(pool: &Pool) -> Peaks {
    let chains = chains(level());
    Peaks {
        f32_ops: per_second(pool, chains.f32),
        int8_ops: per_second(pool, chains.int8),
        bf16_ops: chains.bf16.map(|chain| per_second(pool, chain)),
    }
}

/// Bytes per second at which all threads together read a buffer of `bytes` over and over.
///
/// # Errors
/// [`KernelError::OutOfMemory`] if there is no such buffer.
pub fn measure_read(pool: &Pool, bytes: usize) -> Result<f64, KernelError> {
    let mut buffer = AlignedBuf::<f32>::try_zeroed(bytes.div_ceil(4), "a buffer to read")?;
    buffer.fill(1.0);
    let (level, buffer) = (level(), &buffer[..]);
    let read = || {
        pool.run(&|thread| {
            let mine = span(buffer.len(), thread, pool.threads());
            black_box(sum(level, &buffer[mine]));
        });
    };
    Ok(fastest(PIECES / 10, read, size_of_val(buffer) as f64))
}

leveled! {
    // Floats, whose order of additions a compiler may not change: it gathered integers from distant
    // lines to add them sooner, which read at a sixth of the speed.
    fn sum(values: &[f32]) -> f32 {
        let (chunks, rest) = values.as_chunks::<128>();
        let mut lanes = [0.0f32; 128];
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        lanes.iter().chain(rest).sum()
    }
}

struct Chains {
    f32: Chain,
    int8: Chain,
    bf16: Option<Chain>,
}

fn chains(level: Level) -> Chains {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => Chains {
            // SAFETY: a level is only in use where the processor has its features.
            f32: |rounds| unsafe { super::avx2::f32_ops(rounds) },
            int8: avx2_int8_chain(),
            bf16: None,
        },
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Amx => Chains {
            // SAFETY: as above.
            f32: |rounds| unsafe { super::avx512::f32_ops(rounds) },
            // SAFETY: as above.
            int8: |rounds| unsafe { super::avx512::int8_ops(rounds) },
            bf16: bf16_chain(level),
        },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => Chains {
            // SAFETY: a level is only in use where the processor has its features.
            f32: |rounds| unsafe { super::neon::f32_ops(rounds) },
            // SAFETY: as above.
            int8: |rounds| unsafe { super::neon::int8_ops(rounds) },
            bf16: None,
        },
        _ => Chains { f32: scalar_f32, int8: scalar_int8, bf16: None },
    }
}

#[cfg(target_arch = "x86_64")]
fn avx2_int8_chain() -> Chain {
    if crate::level::avx2_has_vnni() {
        // SAFETY: the line before asked for it.
        return |rounds| unsafe { super::avx2::int8_ops_vnni(rounds) };
    }
    // SAFETY: a level is only in use where the processor has its features.
    |rounds| unsafe { super::avx2::int8_ops(rounds) }
}

#[cfg(target_arch = "x86_64")]
fn bf16_chain(level: Level) -> Option<Chain> {
    if level == Level::Amx {
        // SAFETY: a level is only in use where the processor has its features.
        return Some(|rounds| unsafe { super::amx::bf16_ops(rounds / 8) });
    }
    crate::level::avx512_has_bf16()
        // SAFETY: as above, and the line before asked for bf16.
        .then_some(|rounds| unsafe { super::avx512::bf16_ops(rounds) })
}

/// Independent chains in plain Rust.
const CHAINS: usize = 16;

fn scalar_f32(rounds: usize) -> f64 {
    let (a, b) = (black_box(0.999f32), black_box(0.001f32));
    let mut sums = [0.0f32; CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = *sum * a + b;
        }
    }
    black_box(sums);
    (rounds * CHAINS * 2) as f64
}

fn scalar_int8(rounds: usize) -> f64 {
    let mut sums = [0i32; CHAINS];
    for _ in 0..rounds {
        let a = black_box(3i8);
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = sum.wrapping_add(i32::from(a) * i as i32);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 2) as f64
}

fn per_second(pool: &Pool, chain: Chain) -> f64 {
    let total = AtomicU64::new(0);
    chain(ROUNDS);
    let run = || {
        total.store(0, Ordering::Relaxed);
        pool.run(&|_| {
            // Whole numbers below 2^53: exact as integers.
            total.fetch_add(chain(ROUNDS) as u64, Ordering::Relaxed);
        });
    };
    run();
    let ops = total.load(Ordering::Relaxed) as f64;
    fastest(PIECES, run, ops)
}

/// `amount` per second of the fastest of `pieces` runs.
fn fastest(pieces: usize, mut run: impl FnMut(), amount: f64) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..pieces {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    amount / best.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_what_it_computes() {
        for level in Level::supported() {
            let chains = chains(level);
            for chain in [Some(chains.f32), Some(chains.int8), chains.bf16].into_iter().flatten() {
                assert!(chain(8) > 0.0);
                assert_eq!(chain(16), 2.0 * chain(8));
            }
        }
    }

    #[test]
    fn a_buffer_is_read_and_one_that_cannot_be_had_is_an_error() {
        let pool = Pool::new(2);
        assert!(measure_read(&pool, 1 << 16).unwrap() > 0.0);
        assert!(measure_read(&pool, usize::MAX / 2).is_err());
    }
}
