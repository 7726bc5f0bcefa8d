//! Vectors in fewer bits.

/// Each vector scaled so that its largest value is 127, rounded: cosines stay.
pub(super) fn int8(vector: &[f32]) -> Vec<i8> {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "rounded and within -127 to 127")]
    let round = |value: &f32| (value * scale).round() as i8;
    vector.iter().map(round).collect()
}

/// The same, 128 more.
pub(super) fn uint8(vector: &[f32]) -> Vec<u8> {
    int8(vector).into_iter().map(|value| value.cast_unsigned() ^ 0x80).collect()
}

/// A bit per value, set where it is positive, the first in the highest bit of the first byte.
pub(super) fn ubinary(vector: &[f32]) -> Vec<u8> {
    let byte = |values: &[f32]| {
        let bit = |(idx, value): (usize, &f32)| u8::from(*value > 0.0) << (7 - idx);
        values.iter().enumerate().map(bit).sum()
    };
    vector.chunks(8).map(byte).collect()
}

/// The same, 128 less.
pub(super) fn binary(vector: &[f32]) -> Vec<i8> {
    ubinary(vector).into_iter().map(|value| (value ^ 0x80).cast_signed()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_eight_bits_and_in_one() {
        let vector = [0.5, -0.25, 0.0, 0.1, -0.5, 0.3, 0.0, 0.01, 0.2];
        assert_eq!(int8(&vector), [127, -64, 0, 25, -127, 76, 0, 3, 51]);
        assert_eq!(uint8(&vector), [255, 64, 128, 153, 1, 204, 128, 131, 179]);
        assert_eq!(ubinary(&vector), [0b1001_0101, 0b1000_0000]);
        assert_eq!(binary(&vector), [21, 0]);
        assert_eq!(int8(&[0.0; 3]), [0, 0, 0]);
    }
}
