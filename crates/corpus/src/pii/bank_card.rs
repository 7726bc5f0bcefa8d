//! Payment card numbers.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site, digits};
use std::ops::{Range, RangeInclusive};

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::BankCard,
    name: "bank_card",
    placeholder: "[BANK_CARD]",
    description: "payment card numbers of a known network that pass the Luhn test",
    kinds: &[Kind::Word],
    find,
};

/// How numbers are written in groups, the longest first.
const GROUPS: &[&[usize]] = &[
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4, 1],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[6, 13],
];

/// Numbers of a known network and its length that pass the Luhn test.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.is_number() {
        return None;
    }
    let whole = (14..=19).contains(&site.digits).then_some(site.end);
    let grouped = || GROUPS.iter().find_map(|lengths| site.groups(site.start, lengths, b" -"));
    let end = whole.or_else(grouped)?;
    let range = site.start..end;
    let digits = digits(&site.bytes()[range.clone()]);
    let valid = is_of_network(&digits) && luhn_is_valid(&digits) && site.stands_alone(&range);
    (valid && !site.window(site.start).is_of_thing()).then_some(range)
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
pub(super) fn luhn_is_valid(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(at, &digit)| {
        let value = u32::from(digit) << (at % 2);
        if value > 9 { value - 9 } else { value }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}
