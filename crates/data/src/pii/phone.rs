//! Phone numbers.

use super::scan::{confirmed, digits, stands_alone};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// The shapes that are told from other numbers by themselves. Bare runs of ten digits are not
/// among them: account and order numbers look the same.
static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let shapes = [
        // International: + country code, then groups; verified below.
        r"\+[1-9][0-9]{0,2}(?:[ .-]?\(?[0-9]{1,5}\)?){2,6}",
        // Chinese mobile, also in groups of 3-4-4.
        r"(?:86[ -]?)?1[3-9][0-9](?:[0-9]{8}|[ -][0-9]{4}[ -][0-9]{4})",
        // Chinese landline with area code, and 400/800 services.
        r"\(?0(?:10|2[0-9]|[3-9][0-9]{2})(?:\)|[ -])[ ]?[2-9][0-9]{6,7}",
        r"[48]00-[0-9]{3}-[0-9]{4}",
        // North America.
        r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4}",
    ];
    Regex::new(&shapes.join("|")).expect("the pattern is valid")
});

/// Numbers that stand alone; international ones have 8 to 15 digits in all.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    confirmed(&PATTERN, text, |before, found, after| {
        let international = !found.starts_with('+') || (8..=15).contains(&digits(found).len());
        let balanced = found.matches('(').count() == found.matches(')').count();
        stands_alone(before, after) && international && balanced
    })
}
