//! Chinese unified social credit codes.

use super::PiiRule;
use super::resident_id::is_province;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::SocialCredit,
    name: "social_credit",
    placeholder: "[SOCIAL_CREDIT]",
    description: "Chinese unified social credit codes with the right check character",
    kinds: &[Kind::Word],
    find,
};

/// The characters by value, GB 32100: no I, O, S, V, Z.
const SYMBOLS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// Weights `3^i mod 31` of the first 17 characters.
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Departments that register, by the first character.
const DEPARTMENTS: &[u8] = b"123456789ANY";
/// The region code of the national registry.
const NATIONAL: &[u8] = b"100000";

/// 18 characters: department, kind, six digits of a region, nine of the organization, one check.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let code = site.word();
    let shape = code.len() == 18
        && DEPARTMENTS.contains(&code[0])
        && code[1].is_ascii_digit()
        && code[2..8].iter().all(u8::is_ascii_digit)
        && (is_province(&code[2..4]) || code[2..8] == *NATIONAL);
    (shape && check_is_valid(code) && site.stands_alone(&site.range())).then_some(site.range())
}

/// The weighted sum of all characters, the last one with weight one, is a multiple of 31.
pub(super) fn check_is_valid(code: &[u8]) -> bool {
    let value = |byte: &u8| SYMBOLS.iter().position(|symbol| symbol == byte);
    let values: Option<Vec<usize>> = code.iter().map(value).collect();
    let weights = WEIGHTS.iter().chain([&1]);
    values.is_some_and(|values| {
        let weighted = values.iter().zip(weights).map(|(value, weight)| value * weight);
        weighted.sum::<usize>().is_multiple_of(31)
    })
}
