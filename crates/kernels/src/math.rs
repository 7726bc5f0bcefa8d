//! Elementary functions without branches, so that loops over them vectorize; sums in fixed lanes.

/// `exp(x)` within 2 ulp; 0 below -87, infinity never (arguments above 88 count as 88), NaN for
/// NaN.
///
/// Range reduction by powers of two and the degree-5 polynomial of Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding this constant rounds to an integer and leaves it in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > 88.0 { 88.0 } else { x };
    let clamped = if clamped < -87.0 { -87.0 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    let r = (clamped - power * LN2_HIGH) - power * LN2_LOW;
    let mut poly = 1.987_569_1e-4;
    poly = poly * r + 1.398_199_9e-3;
    poly = poly * r + 8.333_452e-3;
    poly = poly * r + 4.166_579_6e-2;
    poly = poly * r + 1.666_666_5e-1;
    poly = poly * r + 0.5;
    let mantissa = poly * (r * r) + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let result = mantissa * f32::from_bits(exponent);
    if x < -87.0 { 0.0 } else { result }
}

/// `2^x` within 2 ulp for `x <= 0`; exact for whole `x`, and 0 below -126.
///
/// The Taylor polynomial of degree 6 for what the nearest whole number leaves, times its power.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    // As in `exp`.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -126.0 { -126.0 } else { x };
    let shifted = clamped + ROUND;
    let r = clamped - (shifted - ROUND);
    let mut poly = 1.540_353e-4;
    poly = poly * r + 1.333_355_8e-3;
    poly = poly * r + 9.618_129e-3;
    poly = poly * r + 5.550_411e-2;
    poly = poly * r + 0.240_226_5;
    poly = poly * r + std::f32::consts::LN_2;
    poly = poly * r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let result = poly * f32::from_bits(exponent);
    if x < -126.0 { 0.0 } else { result }
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent; close to 0 its error is absolute, 2e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

/// The error function within 4e-7: the rational approximation on [-4, 4] that Eigen uses.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let x2 = x * x;
    let mut p = -2.726_142_3e-10;
    p = p * x2 + 2.770_681_4e-8;
    p = p * x2 - 2.101_024e-6;
    p = p * x2 - 5.692_506_4e-5;
    p = p * x2 - 7.349_906e-4;
    p = p * x2 - 2.954_6e-3;
    p = p * x2 - 1.609_603_3e-2;
    let mut q = -1.456_607_2e-5;
    q = q * x2 - 2.133_740_6e-4;
    q = q * x2 - 1.682_827e-3;
    q = q * x2 - 7.373_329_2e-3;
    q = q * x2 - 1.426_473_9e-2;
    x * p / q
}

/// Sum of `term(i)` over `0..len` in 16 lanes, folded pairwise: one order at every level.
#[inline(always)]
pub(crate) fn lane_sum(len: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let whole = len / 16 * 16;
    let mut start = 0;
    while start < whole {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(start + lane);
        }
        start += 16;
    }
    for (lane, i) in (whole..len).enumerate() {
        lanes[lane] += term(i);
    }
    fold(lanes)
}

/// Sum of 16 lanes, pairwise.
#[inline(always)]
pub(crate) fn fold(mut lanes: [f32; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// Largest value; negative infinity for none. A NaN may or may not show.
#[inline(always)]
pub(crate) fn lane_max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = values.as_chunks::<16>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = if value > *lane { value } else { *lane };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::{exp, exp2};

    #[test]
    fn powers_of_two_are_close_and_exact_where_whole() {
        for i in 0..12600 {
            let x = -i as f32 / 100.0;
            let error = (f64::from(exp2(x)) / f64::from(x).exp2() - 1.0).abs();
            assert!(error < 2.5e-7, "2^{x} is off by {error}");
        }
        for whole in 0..=126 {
            assert_eq!(exp2(-whole as f32), 2.0f32.powi(-whole));
        }
        assert_eq!(exp2(-126.5), 0.0);
        assert_eq!(exp2(-1e30), 0.0);
        assert!(exp2(f32::NAN).is_nan());
    }

    #[test]
    fn exp_is_close_everywhere_and_ends_in_zero() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let error = (exp(x) as f64 / (x as f64).exp() - 1.0).abs();
            assert!(error < 2.5e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(1e30).is_finite() && exp(f32::NAN).is_nan());
    }
}
