//! Taiwan identity card numbers.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::TaiwanId,
    name: "taiwan_id",
    placeholder: "[TAIWAN_ID]",
    description: "Taiwan identity and resident certificate numbers with the right check digit",
    kinds: &[Kind::Word],
    find,
};

/// The letters in the order of their values from 10.
const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";

/// A letter, a digit of sex (1, 2, or 8 and 9 for foreigners), and eight digits.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    let shape = word.len() == 10
        && word[0].is_ascii_uppercase()
        && word[1..].iter().all(u8::is_ascii_digit)
        && matches!(word[1], b'1' | b'2' | b'8' | b'9');
    let valid = shape && check_is_valid(word) && site.stands_alone(&site.range());
    (valid && !site.window(site.start).is_of_thing()).then_some(site.range())
}

/// The letter's value as two digits with weights 1 and 9, then weights 8 down to 1 and 1: the sum
/// is a multiple of ten.
pub(super) fn check_is_valid(id: &[u8]) -> bool {
    let Some(place) = LETTERS.iter().position(|letter| *letter == id[0]) else { return false };
    let letter = (place + 10) / 10 + (place + 10) % 10 * 9;
    let weights = [8, 7, 6, 5, 4, 3, 2, 1, 1];
    let digits = id[1..].iter().map(|byte| usize::from(byte - b'0'));
    let sum: usize = digits.zip(weights).map(|(digit, weight)| digit * weight).sum();
    (letter + sum).is_multiple_of(10)
}
