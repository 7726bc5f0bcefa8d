//! JSON Web Tokens.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site, is_token};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Jwt,
    name: "jwt",
    placeholder: "[JWT]",
    description: "JSON Web Tokens: header and payload that begin as base64 of an object",
    kinds: &[Kind::Word],
    find,
};

/// Longest part, in bytes.
const MAX_PART: usize = 8 << 10;
/// Shortest header, payload and signature.
const MIN_LENGTHS: [usize; 3] = [12, 8, 16];

/// `header.payload.signature`, where `eyJ` is the base64 of `{"`.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.word().starts_with(b"eyJ") || site.byte_before(site.start).is_some_and(is_token) {
        return None;
    }
    let mut at = site.start;
    for (index, least) in MIN_LENGTHS.into_iter().enumerate() {
        if index > 0 {
            at += usize::from(site.byte(at) == Some(b'.'));
        }
        let opens = index == 2 || site.bytes()[at..].starts_with(b"eyJ");
        let end = site.run(at, MAX_PART, is_token);
        if !opens || end - at < least {
            return None;
        }
        at = end;
    }
    Some(site.start..at)
}
