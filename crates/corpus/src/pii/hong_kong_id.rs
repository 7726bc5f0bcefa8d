//! Hong Kong identity card numbers.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::HongKongId,
    name: "hong_kong_id",
    placeholder: "[HONG_KONG_ID]",
    description: "Hong Kong identity card numbers with the right check digit, in brackets or \
                  with a label",
    kinds: &[Kind::Word],
    find,
};

/// Labels of numbers written without brackets.
const LABELS: &[&str] = &[
    "hkid",
    "hong kong",
    "hk id",
    "香港",
    "香港身份证",
    "香港身份證",
    "身份证",
    "身份證",
    "hkidcard",
];
/// Weights of the two letters and six digits.
const WEIGHTS: [usize; 8] = [9, 8, 7, 6, 5, 4, 3, 2];

/// One or two letters, six digits, and the check digit.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    let letters = word.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    if !(1..=2).contains(&letters) || !(letters + 6..=letters + 7).contains(&word.len()) {
        return None;
    }
    let bare = word.len() == letters + 7;
    let (check, end) = if bare {
        (word[letters + 6], site.end)
    } else {
        bracketed(&site.text[site.end..]).map(|(check, length)| (check, site.end + length))?
    };
    let body = &word[..letters + 6];
    let valid = check_digit(body) == Some(check) && site.stands_alone(&(site.start..end));
    let window = site.window(site.start);
    let told = if bare { window.mentions(LABELS) } else { !window.is_of_thing() };
    (valid && told).then_some(site.start..end)
}

/// The character in brackets at the start of `text`, and the length of all three.
pub(super) fn bracketed(text: &str) -> Option<(u8, usize)> {
    let (open, close) = if text.starts_with('(') { ("(", ")") } else { ("（", "）") };
    let inner = text.strip_prefix(open)?;
    let check = *inner.as_bytes().first()?;
    (check.is_ascii_alphanumeric() && inner[1..].starts_with(close))
        .then_some((check, open.len() + 1 + close.len()))
}

/// `11 - (sum of weighted values mod 11)`, where letters count from 10, a missing first letter
/// 36, and a check of ten is written `A`.
pub(super) fn check_digit(body: &[u8]) -> Option<u8> {
    let (letters, numbers) = body.split_at(body.len().checked_sub(6)?);
    let blank = (letters.len() == 1).then_some(36);
    let letters = letters.iter().map(|byte| usize::from(byte - b'A') + 10);
    if !numbers.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let numbers = numbers.iter().map(|byte| usize::from(byte - b'0'));
    let values = blank.into_iter().chain(letters).chain(numbers);
    let sum: usize = values.zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    Some(match (11 - sum % 11) % 11 {
        10 => b'A',
        digit => b'0' + u8::try_from(digit).expect("a remainder below ten"),
    })
}
