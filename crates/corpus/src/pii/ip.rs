//! Addresses of hosts on the Internet protocol.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::IpAddress,
    name: "ip_address",
    placeholder: "[IP_ADDRESS]",
    description: "IPv4 and IPv6 addresses of hosts, no versions, loopback or broadcast",
    kinds: &[Kind::Word, Kind::Mark],
    find,
};

/// Longest written address of version 6, in bytes.
const MAX_V6: usize = 45;
/// Labels of numbers with four parts that are no addresses.
const VERSIONS: &[&str] = &[
    "version",
    "versions",
    "release",
    "build",
    "section",
    "sections",
    "ver",
    "v",
    "oid",
    "chapter",
    "clause",
    "firmware",
    "driver",
    "article",
    "paragraph",
    "kernel",
    "版本",
    "版",
    "版本号",
    "固件",
    "驱动",
    "章节",
    "条款",
    "升级到",
    "更新到",
    "升级至",
    "第",
];

/// Words near versions, and words near hosts that outweigh them.
const NEAR_VERSIONS: &[&str] = &["version", "versions", "firmware", "版本", "固件"];
const NEAR_HOSTS: &[&str] = &[
    "ip",
    "host",
    "server",
    "from",
    "address",
    "client",
    "peer",
    "connect",
    "地址",
    "服务器",
    "主机",
    "来自",
];

/// Addresses that name a host: not the unspecified, loopback or broadcast one, no version number.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if site.kind == Kind::Mark { version_6(site) } else { version_4(site) }
}

fn version_4(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.is_number() || site.digits > 3 || site.byte(site.end) != Some(b'.') {
        return None;
    }
    let end = site.run(site.start, 16, |byte| byte.is_ascii_digit() || byte == b'.');
    let end = end - usize::from(site.byte_before(end) == Some(b'.'));
    let address: Ipv4Addr = site.text[site.start..end].parse().ok()?;
    // A port or a prefix length may follow an address.
    let marked = matches!(site.byte(end), Some(b':' | b'/'));
    let port = site.run(end + usize::from(marked), 6, |byte| byte.is_ascii_digit());
    let after = if marked && port > end + 1 { port } else { end };
    let alone = site.opens_alone(site.start) && site.closes_alone(after);
    let host = names_host(address.into());
    (host && alone && !is_version(site, end)).then_some(site.start..end)
}

/// Whether labels say that four numbers are a version.
fn is_version(site: &Site<'_>, end: usize) -> bool {
    let window = site.window(site.start);
    let after = &site.text[end..];
    window.is_labelled(VERSIONS)
        || follows_abbreviation(site)
        || (window.mentions(NEAR_VERSIONS) && !window.mentions(NEAR_HOSTS))
        || after.starts_with("版")
        || after.starts_with("节")
}

/// Whether the word before is written like a product or a catalogue (`cuDNN`, `EC`), which number
/// their versions and entries, and is none that addresses have before them.
fn follows_abbreviation(site: &Site<'_>) -> bool {
    const HOSTS: [&str; 12] =
        ["IP", "IPV4", "DNS", "VPN", "NAT", "SSH", "RDP", "FTP", "SFTP", "LAN", "WAN", "HOST"];
    let Some(before) = site.text[..site.start].strip_suffix(' ') else { return false };
    let bytes = before.as_bytes();
    let letters = bytes.iter().rev().take(16).take_while(|byte| byte.is_ascii_alphabetic());
    let word = &before[before.len() - letters.count()..];
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    capitals >= 2 && !HOSTS.iter().any(|host| word.eq_ignore_ascii_case(host))
}

fn version_6(site: &Site<'_>) -> Option<Range<usize>> {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    let start = site.run_back(site.start, 5, |byte| byte.is_ascii_hexdigit());
    if site.byte_before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b':') {
        return None;
    }
    let end = site.run(start, MAX_V6 + 1, is_part);
    let end = start + site.text[start..end].trim_end_matches(['.', ':']).len();
    let touches = site.byte(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    // The addresses in use begin with a group of three or four digits, or map version 4; `a::b`
    // and `1::2` are code.
    let first = site.start - start;
    let mapped = site.text[start..end].starts_with("::ffff:");
    if touches || !(mapped || (3..=4).contains(&first)) {
        return None;
    }
    if !site.bytes()[start..end].iter().any(u8::is_ascii_digit) {
        return None;
    }
    let address: Ipv6Addr = site.text[start..end].parse().ok()?;
    names_host(address.into()).then_some(start..end)
}

fn names_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let mask = matches!(address, IpAddr::V4(v4) if v4.octets()[..2] == [255, 255]);
    !address.is_unspecified() && !address.is_loopback() && !broadcast && !mask
}
