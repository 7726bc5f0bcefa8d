//! Chinese resident identity numbers.

use super::PiiRule;
use super::bank_card::luhn_is_valid;
use super::rules::Spec;
use super::site::{Kind, Site, digits};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::ResidentId,
    name: "resident_id",
    placeholder: "[RESIDENT_ID]",
    description: "Chinese resident identity numbers of 18 characters with a real date and the \
                  right check character, and of 15 digits with a real date",
    kinds: &[Kind::Word],
    find,
};

/// Provinces by the first two digits, GB/T 2260.
const PROVINCES: &[u8] = &[
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
];
/// Weights and check characters of GB 11643.
const WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// Labels of identity numbers.
const LABELS: &[&str] = &[
    "身份证",
    "身份证号",
    "身份号",
    "证件",
    "证件号",
    "公民身份",
    "id card",
    "idcard",
    "id_card",
    "identity card",
    "identity",
    "resident id",
    "citizen id",
    "id number",
    "旧身份证",
    "老身份证",
    "一代身份证",
];

fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let range = match site.end - site.start {
        15 | 18 => site.range(),
        6 => site.start..grouped_end(site)?,
        _ => return None,
    };
    let id = &site.bytes()[range.clone()];
    let id: Vec<u8> = id.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let valid = match id.len() {
        18 => is_valid(&id),
        _ => is_legacy(&id) && is_person(site, &id),
    };
    (valid && site.stands_alone(&range)).then_some(range)
}

/// End of a number written as region, date and the rest.
fn grouped_end(site: &Site<'_>) -> Option<usize> {
    let digits = site.groups(site.start, &[6, 8], b" -")?;
    let last = digits + 1;
    let parted = site.byte(digits) == site.byte(site.start + 6);
    let end = site.run(last, 5, |byte| byte.is_ascii_digit() || matches!(byte, b'X' | b'x'));
    (parted && end - last == 4).then_some(end)
}

/// 18 characters with a known province, a real date and the right check character.
pub(super) fn is_valid(id: &[u8]) -> bool {
    let shape = id[..17].iter().all(u8::is_ascii_digit)
        && (id[17].is_ascii_digit() || id[17].eq_ignore_ascii_case(&b'x'));
    if !shape {
        return false;
    }
    let digit = |at: usize| usize::from(id[at] - b'0');
    let sum: usize = WEIGHTS.iter().enumerate().map(|(at, weight)| weight * digit(at)).sum();
    let year = number(id, 6..10);
    (1800..2100).contains(&year)
        && is_province(&id[..2])
        && is_date(year, number(id, 10..12), number(id, 12..14))
        && CHECKS[sum % 11] == id[17].to_ascii_uppercase()
}

/// 15 digits, as issued until 1999, with a known province and a real date of the 20th century.
fn is_legacy(id: &[u8]) -> bool {
    id.iter().all(u8::is_ascii_digit)
        && is_province(&id[..2])
        && id[2..6] != *b"0000"
        && is_date(1900 + number(id, 6..8), number(id, 8..10), number(id, 10..12))
}

/// Without a label, equipment and card numbers of 15 digits, which end with a Luhn digit, and the
/// numbers of things are left out.
fn is_person(site: &Site<'_>, id: &[u8]) -> bool {
    let window = site.window(site.start);
    window.is_labelled(LABELS) || (!window.is_of_thing() && !luhn_is_valid(&digits(id)))
}

/// Whether the two digits are a province's.
pub(super) fn is_province(code: &[u8]) -> bool {
    PROVINCES.iter().any(|&province| usize::from(province) == number(code, 0..2))
}

fn number(id: &[u8], range: Range<usize>) -> usize {
    id[range].iter().fold(0, |sum, byte| sum * 10 + usize::from(byte.wrapping_sub(b'0')))
}

fn is_date(year: usize, month: usize, day: usize) -> bool {
    (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day)
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
