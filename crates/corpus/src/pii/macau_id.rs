//! Macau identity card numbers.

use super::PiiRule;
use super::hong_kong_id::bracketed;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::MacauId,
    name: "macau_id",
    placeholder: "[MACAU_ID]",
    description: "Macau identity card numbers with a label; how their check digit is computed is \
                  not published",
    kinds: &[Kind::Word],
    find,
};

const LABELS: &[&str] = &["macau", "macao", "bir", "澳门", "澳門"];

/// `1234567(8)`, `1/234567/8` or eight digits, the first of them 1, 5 or 7.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.is_number() || !matches!(site.byte(site.start), Some(b'1' | b'5' | b'7')) {
        return None;
    }
    let end = match site.digits {
        7 => {
            let (check, length) = bracketed(&site.text[site.end..])?;
            check.is_ascii_digit().then_some(site.end + length)?
        }
        8 => site.end,
        _ => return None,
    };
    let told = site.window(site.start).mentions(LABELS) && site.stands_alone(&(site.start..end));
    told.then_some(site.start..end)
}
