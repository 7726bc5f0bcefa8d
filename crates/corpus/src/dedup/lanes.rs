//! The least value of many hash functions at once.

use super::hash::{Sequence, high32};

/// Lanes that one pass over the shingles computes: four AVX2 registers each of multipliers,
/// addends and minima.
const BLOCK: usize = 32;

/// Hash functions `h(x) = a x + b mod 2^32` with odd `a`: each permutes the 32-bit numbers.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    multipliers: Vec<u32>,
    addends: Vec<u32>,
    minima: Vec<u32>,
    count: usize,
}

impl Lanes {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let padded = count.next_multiple_of(BLOCK);
        let mut sequence = Sequence::new(seed);
        let multipliers = (0..padded).map(|_| high32(sequence.next()) | 1).collect();
        let addends = (0..padded).map(|_| high32(sequence.next())).collect();
        Self { multipliers, addends, minima: vec![u32::MAX; padded], count }
    }

    /// The least value of each function over `shingles`.
    pub(super) fn minima(&mut self, shingles: &[u32]) -> &[u32] {
        let (multipliers, addends) = (&self.multipliers, &self.addends);
        let blocks = self.minima.as_chunks_mut::<BLOCK>().0.iter_mut();
        let multipliers = multipliers.as_chunks::<BLOCK>().0.iter();
        let addends = addends.as_chunks::<BLOCK>().0.iter();
        for ((minima, multipliers), addends) in blocks.zip(multipliers).zip(addends) {
            block(shingles, multipliers, addends, minima);
        }
        &self.minima[..self.count]
    }
}

fn block(shingles: &[u32], a: &[u32; BLOCK], b: &[u32; BLOCK], minima: &mut [u32; BLOCK]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing the function asks for.
        return unsafe { block_avx2(shingles, a, b, minima) };
    }
    block_plain(shingles, a, b, minima);
}

/// The same code for a compiler that may use AVX2: without it there is no 32-bit multiplication
/// of vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn block_avx2(shingles: &[u32], a: &[u32; BLOCK], b: &[u32; BLOCK], minima: &mut [u32; BLOCK]) {
    block_plain(shingles, a, b, minima);
}

#[inline(always)]
fn block_plain(shingles: &[u32], a: &[u32; BLOCK], b: &[u32; BLOCK], minima: &mut [u32; BLOCK]) {
    let mut least = [u32::MAX; BLOCK];
    for &shingle in shingles {
        for lane in 0..BLOCK {
            least[lane] = least[lane].min(a[lane].wrapping_mul(shingle).wrapping_add(b[lane]));
        }
    }
    *minima = least;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_give_what_one_function_at_a_time_gives() {
        let mut sequence = Sequence::new(1);
        let shingles: Vec<u32> = (0..77).map(|_| high32(sequence.next())).collect();
        let mut lanes = Lanes::new(120, 7);
        let expected: Vec<u32> = (0..120)
            .map(|lane| {
                let (a, b) = (lanes.multipliers[lane], lanes.addends[lane]);
                shingles.iter().map(|x| a.wrapping_mul(*x).wrapping_add(b)).min().unwrap()
            })
            .collect();
        assert_eq!(lanes.minima(&shingles), expected);
        let (a, b) = (lanes.multipliers.clone(), lanes.addends.clone());
        let mut plain = [0; BLOCK];
        let first = |values: &[u32]| *values.first_chunk::<BLOCK>().unwrap();
        block_plain(&shingles, &first(&a), &first(&b), &mut plain);
        assert_eq!(plain[..], expected[..BLOCK]);
    }
}
