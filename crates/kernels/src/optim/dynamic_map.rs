//! The 256 values of dynamic quantization, and the nearest of them.

/// Mantissa bits of a bucket's key: a bucket then spans 0.4 % of its magnitude, less than any two
/// neighbouring midpoints are apart, and so holds at most one.
const KEY_MANTISSA_BITS: u32 = 8;
/// Bits of an f32 below the key.
const KEY_SHIFT: u32 = 23 - KEY_MANTISSA_BITS;
/// Biased exponent of 2^-24: all magnitudes below fall into the first bucket, which ends before
/// the smallest midpoint.
const LOWEST_EXPONENT: u32 = 127 - 24;
/// Key of the first bucket.
const FIRST_KEY: u32 = LOWEST_EXPONENT << KEY_MANTISSA_BITS;
/// Buckets of one sign, up to the one that begins with 1.
const BUCKETS: usize = (24 << KEY_MANTISSA_BITS) + 1;

/// A map from 8-bit codes to values in -1..=1 (signed) or 0..=1, fine near zero and coarse near 1.
///
/// Seven exponents of ten, each with twice as many values in its decade as the one below, and 0 and
/// 1 themselves; sorted, so that a larger code is a larger value.
///
/// # Source
/// Dettmers et al. 2022, arXiv:2110.02861, as `create_dynamic_map` of bitsandbytes computes it, bit
/// for bit. [`Self::code`] is the nearest value as in its GPU kernels and its plain PyTorch code;
/// its CPU library instead rounds to one of 65536 steps first, which moves values below 1e-4.
#[derive(Clone, Debug)]
pub struct DynamicMap {
    values: [f32; 256],
    /// `midpoints[i]` lies between the values `i` and `i + 1`; the last is above everything.
    midpoints: [f32; 256],
    /// Code of the smallest number of each bucket, positive buckets first.
    lowest: Box<[u8; 2 * BUCKETS]>,
}

impl DynamicMap {
    /// The map of -1..=1, for first moments.
    pub fn signed() -> Self {
        Self::new(true)
    }

    /// The map of 0..=1, for second moments.
    pub fn unsigned() -> Self {
        Self::new(false)
    }

    fn new(signed: bool) -> Self {
        let values = map_values(signed);
        let mut midpoints = [f32::INFINITY; 256];
        for (midpoint, pair) in midpoints.iter_mut().zip(values.windows(2)) {
            *midpoint = f32::midpoint(pair[0], pair[1]);
        }
        let code = |x: f32| midpoints.iter().take_while(|&&midpoint| midpoint < x).count() as u8;
        let mut lowest = Box::new([0; 2 * BUCKETS]);
        for bucket in 0..BUCKETS {
            let (low, high) = bounds(bucket);
            lowest[bucket] = code(f32::from_bits(low));
            lowest[BUCKETS + bucket] = code(-f32::from_bits(high));
        }
        Self { values, midpoints, lowest }
    }

    /// The value of every code.
    pub fn values(&self) -> &[f32; 256] {
        &self.values
    }

    /// The code of the nearest value; of the smaller one when two are equally near.
    #[inline(always)]
    pub fn code(&self, x: f32) -> u8 {
        let bits = x.to_bits();
        let key = (bits & 0x7fff_ffff) >> KEY_SHIFT;
        let bucket = (key.saturating_sub(FIRST_KEY) as usize).min(BUCKETS - 1);
        let lowest = self.lowest[bucket + BUCKETS * (bits >> 31) as usize];
        lowest + u8::from(x > self.midpoints[usize::from(lowest)])
    }
}

/// Bits of the smallest and the largest magnitude of a bucket.
fn bounds(bucket: usize) -> (u32, u32) {
    let key = FIRST_KEY + bucket as u32;
    let low = if bucket == 0 { 0 } else { key << KEY_SHIFT };
    let high = if bucket == BUCKETS - 1 { key << KEY_SHIFT } else { ((key + 1) << KEY_SHIFT) - 1 };
    (low, high)
}

/// The values, in the operations and precisions of bitsandbytes.
fn map_values(signed: bool) -> [f32; 256] {
    const EXPONENTS: i32 = 7;
    let mut values = vec![0.0f32, 1.0];
    for i in 0..EXPONENTS {
        let steps = if signed { 1 << i } else { 2 << i };
        let scale = 10f64.powi(i - (EXPONENTS - 1)) as f32;
        for step in 0..steps {
            let mean = f32::midpoint(boundary(step, steps), boundary(step + 1, steps));
            values.push(scale * mean);
            if signed {
                values.push(-scale * mean);
            }
        }
    }
    values.sort_by(f32::total_cmp);
    values.try_into().expect("seven decades, zero and one make 256 values")
}

/// Point `i` of `steps + 1` even ones from 0.1 to 1, counted from the nearer end and rounded once,
/// as PyTorch's `linspace` does.
fn boundary(i: usize, steps: usize) -> f32 {
    let (low, high) = (0.1f32, 1.0f32);
    let width = f64::from((high - low) / steps as f32);
    if i <= steps / 2 {
        (f64::from(low) + width * i as f64) as f32
    } else {
        (f64::from(high) - width * (steps - i) as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_at_most_one_midpoint() {
        for map in [DynamicMap::signed(), DynamicMap::unsigned()] {
            for bucket in 0..BUCKETS {
                let (low, high) = bounds(bucket);
                let (low, high) = (f32::from_bits(low), f32::from_bits(high));
                let inside = |x: &&f32| (low..high).contains(*x) || (-high..-low).contains(*x);
                let positive = map.midpoints.iter().filter(inside).filter(|x| **x >= 0.0).count();
                let negative = map.midpoints.iter().filter(inside).filter(|x| **x < 0.0).count();
                assert!(positive <= 1 && negative <= 1, "bucket {bucket}: {low} to {high}");
            }
        }
    }

    #[test]
    fn a_code_is_the_nearest_value() {
        for (map, lowest) in [(DynamicMap::signed(), -1.0), (DynamicMap::unsigned(), 0.0)] {
            assert_eq!(map.code(1.0), 255);
            assert_eq!(map.values()[usize::from(map.code(0.0))], 0.0);
            for (code, value) in map.values().iter().enumerate() {
                assert_eq!(usize::from(map.code(*value)), code);
            }
            for i in 0..200_000u32 {
                // Even in the logarithm, so that every decade is seen.
                let x = (10f64.powf(-f64::from(i) / 25_000.0) as f32).max(lowest);
                for x in [x, -x].into_iter().filter(|x| *x >= lowest) {
                    let distance = |value: f32| (f64::from(value) - f64::from(x)).abs();
                    let best = map.values().iter().map(|v| distance(*v)).fold(2.0, f64::min);
                    let found = distance(map.values()[usize::from(map.code(x))]);
                    assert!(found <= best * (1.0 + 1e-5), "{x}: {found}, not {best}");
                }
            }
        }
    }
}
