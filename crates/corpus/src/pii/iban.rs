//! International bank account numbers.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Iban,
    name: "iban",
    placeholder: "[IBAN]",
    description: "international bank account numbers of a country's length with the right check \
                  digits",
    kinds: &[Kind::Word],
    find,
};

/// Lengths by country, from the SWIFT IBAN registry.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];

/// Numbers of a known country's length that pass ISO 7064 MOD 97-10, also in groups.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    let opens = word.len() >= 4
        && word[..2].iter().all(u8::is_ascii_uppercase)
        && word[2..4].iter().all(u8::is_ascii_digit);
    if !opens {
        return None;
    }
    let (_, length) = LENGTHS.iter().find(|(country, _)| word.starts_with(country.as_bytes()))?;
    let mut symbols = Vec::with_capacity(*length);
    let mut at = site.start;
    while symbols.len() < *length {
        match site.byte(at)? {
            byte @ (b'0'..=b'9' | b'A'..=b'Z') => symbols.push(byte),
            b' ' | b'-' if site.byte(at + 1).is_some_and(|next| next.is_ascii_alphanumeric()) => {}
            _ => return None,
        }
        at += 1;
    }
    let touches = site.byte(at).is_some_and(|byte| byte.is_ascii_alphanumeric());
    (!touches && check_is_valid(&symbols)).then_some(site.start..at)
}

/// Moves the first four characters to the end, reads letters as 10 to 35, and divides by 97. Check
/// digits go from 02 to 98.
pub(super) fn check_is_valid(symbols: &[u8]) -> bool {
    let values = symbols[4..].iter().chain(&symbols[..4]).map(|&byte| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        _ => u32::from(byte - b'A') + 10,
    });
    let remainder = values.fold(0, |rest, value| {
        let shift = if value < 10 { 10 } else { 100 };
        (rest * shift + value) % 97
    });
    let check = (symbols[2], symbols[3]);
    remainder == 1 && !matches!(check, (b'0', b'0' | b'1') | (b'9', b'9'))
}
