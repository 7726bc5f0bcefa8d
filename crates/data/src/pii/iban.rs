//! International bank account numbers.

use super::scan::confirmed;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}").expect("the pattern is valid")
});

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

/// Numbers of a known country's length that pass ISO 7064 MOD 97-10.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut ranges = confirmed(&PATTERN, text, |_, found, _| iban_end(found).is_some());
    for range in &mut ranges {
        range.end = range.start + iban_end(&text[range.clone()]).expect("confirmed above");
    }
    ranges
}

/// Bytes of the IBAN that `found` starts with: a greedy match may run into the next word.
fn iban_end(found: &str) -> Option<usize> {
    let length = LENGTHS.iter().find(|(country, _)| found.starts_with(country))?.1;
    let mut symbols = found.char_indices().filter(|(_, ch)| *ch != ' ');
    let end = symbols.nth(length - 1).map(|(at, _)| at + 1)?;
    let touches = found[end..].starts_with(|ch: char| ch.is_ascii_alphanumeric());
    (!touches && check_is_valid(&found[..end])).then_some(end)
}

/// Moves the first four characters to the end, reads letters as 10 to 35, and divides by 97.
fn check_is_valid(iban: &str) -> bool {
    let symbols: Vec<u32> = iban.chars().filter_map(|ch| ch.to_digit(36)).collect();
    let rotated = symbols[4..].iter().chain(&symbols[..4]);
    let remainder = rotated.fold(0, |rest, &value| {
        if value < 10 { (rest * 10 + value) % 97 } else { (rest * 100 + value) % 97 }
    });
    remainder == 1
}
