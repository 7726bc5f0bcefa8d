//! Addresses of hosts on the Internet protocol.

use super::scan::{confirmed, stands_alone};
use regex::Regex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

static V4: LazyLock<Regex> = LazyLock::new(|| {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    Regex::new(&format!(r"{octet}(?:\.{octet}){{3}}")).expect("the pattern is valid")
});
static V6: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}";
    Regex::new(pattern).expect("the pattern is valid")
});
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\b(?:version|release|build|section|ver\.?)|版本|版)[ :：]*$")
        .expect("the pattern is valid")
});

/// Addresses that name a host: not the unspecified, loopback or broadcast one, no version number.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut ranges = confirmed(&V6, text, |before, found, after| {
        let touches = |ch: char| ch.is_ascii_alphanumeric() || ch == ':';
        let apart = !before.ends_with(touches) && !after.starts_with(touches);
        apart && found.parse::<Ipv6Addr>().is_ok_and(|address| names_host(address.into()))
    });
    ranges.extend(confirmed(&V4, text, |before, found, after| {
        let host = found.parse::<Ipv4Addr>().is_ok_and(|address| names_host(address.into()));
        // A port or a prefix length may follow an address.
        let rest = after.strip_prefix([':', '/']).unwrap_or(after);
        let rest = if rest.len() < after.len() {
            rest.trim_start_matches(|ch: char| ch.is_ascii_digit())
        } else {
            rest
        };
        host && stands_alone(before, rest) && !VERSION.is_match(tail(before))
    }));
    ranges
}

fn names_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_loopback() && !broadcast
}

/// The last few characters, so that a long text is not searched again for every address.
fn tail(text: &str) -> &str {
    let start = text.char_indices().rev().nth(15).map_or(0, |(at, _)| at);
    &text[start..]
}
