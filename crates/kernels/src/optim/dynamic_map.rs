//! The 256 values of dynamic quantization, and the nearest of them.

use super::adamw_8bit::BLOCK_8BIT;
use crate::Level;
use crate::leveled::leveled;

/// Decades of values.
const DECADES: usize = 7;
/// Adding this constant rounds to an integer and leaves it in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;
/// How far a place is moved up, in codes: more than all roundings together, which are below 1e-4.
const SLACK: f64 = 1e-3;

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
    /// Slope and height at zero of a line for each decade, on which its magnitudes have their
    /// places among the codes, moved up by half a code and [`SLACK`].
    ///
    /// The lines meet where decades do, and each is flatter than the one below: the least of them is
    /// that of a magnitude's own decade.
    lines: [(f32, f32); DECADES],
    /// The code of zero.
    zero: i32,
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
        let mut below = 0;
        let lines = std::array::from_fn(|decade| {
            let steps = steps(signed, decade);
            // A decade goes from a tenth to one, in as many equal parts as it has values.
            let part = f64::from(steps) / 0.9;
            let slope = part * 10f64.powi((DECADES - 1 - decade) as i32);
            let height = f64::from(below) - 0.1 * part + 0.5 + SLACK;
            below += steps;
            (slope as f32, height as f32)
        });
        Self { values, midpoints, lines, zero: if signed { 127 } else { 0 } }
    }

    /// The value of every code.
    pub fn values(&self) -> &[f32; 256] {
        &self.values
    }

    /// The code of the nearest value; of the smaller one when two are equally near.
    #[inline(always)]
    pub fn code(&self, x: f32) -> u8 {
        let guess = self.guess(x);
        self.settled(x, guess, self.midpoints[usize::from(guess)])
    }

    /// The code of a number, or the one below it; for those near 1 perhaps the one below that.
    ///
    /// Between two midpoints of a decade lies a whole part of it. At its beginning the midpoint lies a
    /// fifth of a part within, and at the end of the last a quarter of a part before, which is left to
    /// [`Self::settled`].
    #[inline(always)]
    fn guess(&self, x: f32) -> u8 {
        let magnitude = x.abs();
        let mut place = f32::INFINITY;
        for (slope, height) in self.lines {
            let line = slope * magnitude + height;
            place = if line < place { line } else { place };
        }
        let above = (place + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32;
        let below = above.wrapping_neg();
        let from_zero = if x < 0.0 { below } else { above.wrapping_sub(1) };
        from_zero.wrapping_add(self.zero).clamp(0, 254) as u8
    }

    /// The code of a number from its guess and the midpoint above that.
    #[inline(always)]
    fn settled(&self, x: f32, guess: u8, midpoint: f32) -> u8 {
        let code = guess + u8::from(x > midpoint);
        if x > self.midpoints[254] { 255 } else { code }
    }

    /// The values of a block's codes.
    pub(super) fn decode(&self, codes: &[u8; BLOCK_8BIT], out: &mut [f32; BLOCK_8BIT]) {
        look_up(&self.values, codes, out);
    }

    /// Codes of a block whose largest magnitude is `absmax`; of values above zero at least `lowest`.
    pub(super) fn encode(
        &self,
        level: Level,
        block: &[f32; BLOCK_8BIT],
        (absmax, lowest): (f32, u8),
        codes: &mut [u8; BLOCK_8BIT],
    ) {
        // A block of zeros has any code times zero; the code of zero is as good as another.
        let inverse = if absmax > 0.0 { 1.0 / absmax } else { 0.0 };
        let mut midpoints = [0.0; BLOCK_8BIT];
        guesses(level, self, block, inverse, codes);
        look_up(&self.midpoints, codes, &mut midpoints);
        settle(level, self, block, inverse, lowest, &midpoints, codes);
    }
}

/// The entries of a table that bytes name.
///
/// Compiled for no level: AVX-512 would gather them, which takes longer than to load them one by one.
#[inline(never)]
fn look_up(table: &[f32; 256], bytes: &[u8; BLOCK_8BIT], out: &mut [f32; BLOCK_8BIT]) {
    for (out, &byte) in out.iter_mut().zip(bytes) {
        *out = table[usize::from(byte)];
    }
}

leveled! {
    fn guesses(
        map: &DynamicMap,
        block: &[f32; BLOCK_8BIT],
        inverse: f32,
        codes: &mut [u8; BLOCK_8BIT],
    ) {
        for (code, &value) in codes.iter_mut().zip(block) {
            *code = map.guess(value * inverse);
        }
    }
}

leveled! {
    fn settle(
        map: &DynamicMap,
        block: &[f32; BLOCK_8BIT],
        inverse: f32,
        lowest: u8,
        midpoints: &[f32; BLOCK_8BIT],
        codes: &mut [u8; BLOCK_8BIT],
    ) {
        for ((code, &value), &midpoint) in codes.iter_mut().zip(block).zip(midpoints) {
            let settled = map.settled(value * inverse, *code, midpoint);
            let lowest = if value > 0.0 { lowest } else { 0 };
            *code = settled.max(lowest);
        }
    }
}

/// Values of a decade.
fn steps(signed: bool, decade: usize) -> u32 {
    if signed { 1 << decade } else { 2 << decade }
}

/// The values, in the operations and precisions of bitsandbytes.
fn map_values(signed: bool) -> [f32; 256] {
    let mut values = vec![0.0f32, 1.0];
    for decade in 0..DECADES {
        let steps = steps(signed, decade) as usize;
        let scale = 10f64.powi(decade as i32 - (DECADES as i32 - 1)) as f32;
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

    fn counted(map: &DynamicMap, x: f32) -> usize {
        map.midpoints.iter().take_while(|&&midpoint| midpoint < x).count()
    }

    /// On both sides of every midpoint and of every decade's end, and on it.
    #[test]
    fn a_code_counts_the_midpoints_below() {
        for (map, lowest) in [(DynamicMap::signed(), -1.0f32), (DynamicMap::unsigned(), 0.0)] {
            let ends = (0..=DECADES).map(|decade| 10f32.powi(decade as i32 - DECADES as i32));
            let midpoints = map.midpoints[..255].iter().copied();
            for border in midpoints.chain(ends.clone()).chain(ends.map(|end| -end)) {
                let bits = border.to_bits();
                for near in bits.saturating_sub(40)..=bits + 40 {
                    let x = f32::from_bits(near);
                    if (lowest..=1.0).contains(&x) {
                        assert_eq!(usize::from(map.code(x)), counted(&map, x), "{x:e}");
                    }
                }
            }
            // What rounding of the scale makes of the largest value.
            for beyond in [1.000_000_2, 1.000_001] {
                assert_eq!(map.code(beyond), 255);
                assert_eq!(map.code(-beyond), 0);
            }
            for zero in [0.0, -0.0, 1e-45, f32::MIN_POSITIVE] {
                assert_eq!(usize::from(map.code(zero)), map.zero as usize);
            }
            let _any = map.code(f32::NAN);
        }
    }

    #[test]
    fn a_block_has_the_codes_of_its_values_at_every_level() {
        for map in [DynamicMap::signed(), DynamicMap::unsigned()] {
            let smallest = if map.zero == 0 { 0.0 } else { -1.0 };
            for absmax in [0.0, 3e-12, 0.7, 1e20] {
                let block: [f32; BLOCK_8BIT] = std::array::from_fn(|i| {
                    // All decades, both signs, zeros among them.
                    let x =
                        10f32.powf(-(i as f32) / 32.0) * if i % 3 == 0 { smallest } else { 1.0 };
                    if i % 17 == 5 { 0.0 } else { x * absmax }
                });
                let inverse = if absmax > 0.0 { 1.0 / absmax } else { 0.0 };
                let expected = block.map(|x| {
                    let code = map.code(x * inverse);
                    if x > 0.0 { code.max(1) } else { code }
                });
                for level in Level::supported() {
                    let mut codes = [9; BLOCK_8BIT];
                    map.encode(level, &block, (absmax, 1), &mut codes);
                    assert_eq!(codes, expected, "{level:?} {absmax}");
                    let mut values = [0.0; BLOCK_8BIT];
                    map.decode(&codes, &mut values);
                    assert_eq!(values, codes.map(|code| map.values[usize::from(code)]));
                }
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
