//! Social security numbers of the United States.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site, digits};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::SocialSecurity,
    name: "social_security",
    placeholder: "[SOCIAL_SECURITY]",
    description: "social security numbers of the United States: 3-2-4 with hyphens, or other \
                  forms with a label",
    kinds: &[Kind::Word],
    find,
};

const LABELS: &[&str] =
    &["ssn", "social security", "social", "ss", "itin", "taxpayer", "社保", "社会安全", "社安"];

/// Numbers whose area, group and serial may be issued.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.is_number() {
        return None;
    }
    let window = || site.window(site.start);
    let (end, told) = match site.digits {
        9 => (site.end, window().is_labelled(LABELS)),
        3 => {
            let end = site.groups(site.start, &[3, 2, 4], b"- ")?;
            let hyphens = site.byte(site.end) == Some(b'-');
            let told = if hyphens { !window().is_of_thing() } else { window().is_labelled(LABELS) };
            (end, told)
        }
        _ => return None,
    };
    let range = site.start..end;
    let issued = is_issued(&digits(&site.bytes()[range.clone()]));
    (told && issued && site.stands_alone(&range)).then_some(range)
}

/// Area not 000, 666 or from 900; group not 00; serial not 0000.
pub(super) fn is_issued(digits: &[u8]) -> bool {
    let (area, group, serial) = (&digits[..3], &digits[3..5], &digits[5..]);
    area != [0, 0, 0] && area != [6, 6, 6] && area[0] < 9 && group != [0, 0] && serial != [0; 4]
}
