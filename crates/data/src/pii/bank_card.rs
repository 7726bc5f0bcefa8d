//! Payment card numbers.

use super::scan::{confirmed, digits, stands_alone};
use regex::Regex;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let groups = "[0-9]{4} [0-9]{4} [0-9]{4} [0-9]{4}(?: [0-9]{1,3})?";
    let american_express = "3[47][0-9]{2} [0-9]{6} [0-9]{5}";
    let hyphens = format!("{}|{}", groups.replace(' ', "-"), american_express.replace(' ', "-"));
    let pattern = format!("{groups}|{american_express}|{hyphens}|[0-9]{{14,19}}");
    Regex::new(&pattern).expect("the pattern is valid")
});

/// Numbers of a known network and its length that pass the Luhn test.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    confirmed(&PATTERN, text, |before, found, after| {
        let digits = digits(found);
        stands_alone(before, after) && is_of_network(&digits) && luhn_is_valid(&digits)
    })
}

/// The first four digits and the lengths that each network issues, from ISO/IEC 7812 as the
/// networks publish them.
const NETWORKS: &[(RangeInclusive<u16>, &[usize])] = &[
    (4000..=4999, &[16, 19]),         // Visa
    (5100..=5599, &[16]),             // Mastercard
    (2221..=2720, &[16]),             // Mastercard
    (3400..=3499, &[15]),             // American Express
    (3700..=3799, &[15]),             // American Express
    (3000..=3059, &[14, 16]),         // Diners Club
    (3600..=3699, &[14, 16]),         // Diners Club
    (3800..=3999, &[14, 16]),         // Diners Club
    (3528..=3589, &[16, 17, 18, 19]), // JCB
    (6200..=6299, &[16, 17, 18, 19]), // UnionPay
    (8100..=8171, &[16, 17, 18, 19]), // UnionPay
    (6011..=6011, &[16, 19]),         // Discover
    (6440..=6599, &[16, 19]),         // Discover
    (9558..=9558, &[16, 19]),         // ICBC before UnionPay
];

fn is_of_network(digits: &[u8]) -> bool {
    let prefix = digits[..4].iter().fold(0u16, |sum, &digit| sum * 10 + u16::from(digit));
    let issues = |(prefixes, lengths): &(RangeInclusive<u16>, &[usize])| {
        prefixes.contains(&prefix) && lengths.contains(&digits.len())
    };
    NETWORKS.iter().any(issues)
}

/// Doubles every second digit from the right, takes digit sums, and wants a multiple of ten.
fn luhn_is_valid(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(at, &digit)| {
        let value = u32::from(digit) << (at % 2);
        if value > 9 { value - 9 } else { value }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}
