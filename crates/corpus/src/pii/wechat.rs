//! WeChat names.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site, is_token};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::WeChat,
    name: "wechat",
    placeholder: "[WECHAT]",
    description: "WeChat names with a label, and names that the service gave (wxid_...)",
    kinds: &[Kind::Word, Kind::Mark, Kind::Weixin],
    find,
};

const LABELS: &[&str] = &[
    "微信",
    "微信号",
    "微信号码",
    "微信id",
    "加微",
    "加v",
    "薇信",
    "威信",
    "v信",
    "wechat",
    "weixin",
    "vx",
    "wx",
    "wechatid",
    "wechat_id",
    "微信帐号",
    "微信账号",
    "微信名",
];
/// Lengths of names.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=20;
/// The start of names that the service gives.
const GIVEN: &[u8] = b"wxid_";
/// Words that follow the name of the service and are no names.
const OTHERS: &[&[u8]] = &[
    b"windows",
    b"android",
    b"ios",
    b"version",
    b"official",
    b"payment",
    b"openid",
    b"appid",
    b"https",
    b"http",
    b"wechat",
    b"wechatpay",
    b"mini",
    b"mobile",
    b"macos",
];

/// A letter and five to nineteen letters, digits, underscores or hyphens.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let start = match site.kind {
        Kind::Word => site.run_back(site.start, *LENGTHS.end(), is_token),
        Kind::Mark => site.run(site.end, 2, |byte| byte == b' '),
        Kind::Weixin | Kind::At | Kind::KeyBlock => after_label(site),
    };
    let end = site.run(start, LENGTHS.end() + 1, is_token);
    let name = &site.bytes()[start..end];
    let shape = LENGTHS.contains(&name.len()) && name[0].is_ascii_alphabetic();
    if !shape || site.byte_before(start).is_some_and(is_token) {
        return None;
    }
    if name.starts_with(GIVEN) {
        return Some(start..end);
    }
    let lower = name.to_ascii_lowercase();
    let other = OTHERS.iter().any(|word| lower.starts_with(word));
    let address = match site.byte(end) {
        Some(b'@' | b'/' | b'(' | b'=') => true,
        Some(b'.') => site.byte(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()),
        _ => false,
    };
    let chosen = site.kind == Kind::Mark
        || name.iter().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
    let told = || site.window(start).is_labelled(LABELS);
    (!other && !address && chosen && told()).then_some(start..end)
}

/// Where a name may begin after the Chinese word and what usually follows it.
fn after_label(site: &Site<'_>) -> usize {
    let mut at = site.end;
    for follower in ["号", "号码", "是", "：", ":", " ", "是", "（", "「"] {
        at += if site.text[at..].starts_with(follower) { follower.len() } else { 0 };
    }
    at
}
