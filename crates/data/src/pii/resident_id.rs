//! Chinese resident identity numbers.

use super::scan::{confirmed, stands_alone};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"[1-8][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]";
    Regex::new(pattern).expect("the pattern is valid")
});

/// Provinces by the first two digits, GB/T 2260.
const PROVINCES: &[u8] = &[
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
];
/// Weights and check characters of GB 11643.
const WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Numbers of 18 characters with a known province, a real date and the right check character.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    confirmed(&PATTERN, text, |before, found, after| {
        stands_alone(before, after) && is_valid(found.as_bytes())
    })
}

fn is_valid(id: &[u8]) -> bool {
    let digit = |at: usize| usize::from(id[at] - b'0');
    let number = |range: Range<usize>| range.fold(0, |sum, at| sum * 10 + digit(at));
    let province = PROVINCES.iter().any(|&code| usize::from(code) == number(0..2));
    let sum: usize = WEIGHTS.iter().enumerate().map(|(at, weight)| weight * digit(at)).sum();
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    province && day <= days_in(year, month) && CHECKS[sum % 11] == id[17].to_ascii_uppercase()
}

fn days_in(year: usize, month: usize) -> usize {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
