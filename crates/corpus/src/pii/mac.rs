//! Hardware addresses of network cards.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::MacAddress,
    name: "mac_address",
    placeholder: "[MAC_ADDRESS]",
    description: "hardware addresses of network cards, six pairs with colons or hyphens",
    kinds: &[Kind::Mark, Kind::Word],
    find,
};

/// Bytes of six pairs and five signs.
const LENGTH: usize = 17;

/// Six pairs parted by the same sign; neither all zero nor the broadcast address.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let start = if site.kind == Kind::Mark { site.start.checked_sub(2)? } else { site.start };
    let address = site.bytes().get(start..start + LENGTH)?;
    let sign = address[2];
    let expected = if site.kind == Kind::Mark { b':' } else { b'-' };
    let shape = sign == expected
        && address.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => *byte == sign,
            _ => byte.is_ascii_hexdigit(),
        });
    if !shape {
        return None;
    }
    let range = start..start + LENGTH;
    let ties = |byte: Option<u8>| byte == Some(sign);
    let apart = !site.touches_word(&range)
        && !ties(site.byte_before(range.start))
        && !ties(site.byte(range.end));
    let pairs = |value: u8| address.chunks(3).all(|pair| pair[..2] == [value; 2]);
    (apart && !pairs(b'0') && !pairs(b'f') && !pairs(b'F')).then_some(range)
}
