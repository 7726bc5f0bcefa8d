//! E-mail addresses.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Email,
    name: "email",
    placeholder: "[EMAIL]",
    description: "e-mail addresses",
    kinds: &[Kind::At],
    find,
};

/// Longest local part, label and last label, in bytes; RFC 5321 and RFC 1035.
const MAX_LOCAL: usize = 64;
const MAX_LABEL: usize = 63;
const MAX_LAST: usize = 24;
/// Most labels of a domain.
const MAX_LABELS: usize = 9;
/// Last labels that are names of files, as in `icon@2x.png`.
const FILES: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"ts", b"json", b"html",
    b"pdf", b"mp4",
];

/// Addresses `local@domain.tld` with dots in their places.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let local = local_start(site)?;
    let end = domain_end(site)?;
    // `git@host:path` and `ssh://git@host` name a repository.
    let name = &site.bytes()[local..site.start];
    let repository = name == b"git" && matches!(site.byte(end), Some(b':' | b'/'));
    let in_address = site.bytes()[..local].ends_with(b"//");
    let handle = site.byte_before(local) == Some(b'@');
    (!repository && !in_address && !handle).then_some(local..end)
}

fn local_start(site: &Site<'_>) -> Option<usize> {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+'-".contains(&byte);
    let start = site.run_back(site.start, MAX_LOCAL, is_local);
    let local = &site.bytes()[start..site.start];
    let dots = local.windows(2).rposition(|pair| pair == b"..").map_or(0, |at| at + 2);
    let signs = local[dots..].iter().take_while(|&&byte| b".'-%".contains(&byte)).count();
    let local = &local[dots + signs..];
    let complete = !local.is_empty() && !local.ends_with(b".");
    complete.then_some(site.start - local.len())
}

fn domain_end(site: &Site<'_>) -> Option<usize> {
    let bytes = site.bytes();
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let mut at = site.end;
    let mut ends: Option<usize> = None;
    for index in 0..MAX_LABELS {
        let end = site.run(at, MAX_LABEL, is_label);
        let label = &bytes[at..end];
        let plain = label.iter().rposition(|&byte| byte != b'-').map_or(0, |last| last + 1);
        let (label, whole) = (&label[..plain], plain == label.len());
        if label.is_empty() || label.starts_with(b"-") {
            break;
        }
        let last = index > 0
            && (2..=MAX_LAST).contains(&label.len())
            && label.iter().all(u8::is_ascii_alphabetic);
        // A sentence that goes on without a space after the address.
        if last && ends.is_some() && begins_sentence(label) {
            break;
        }
        ends = last.then_some(at + plain);
        let goes_on = whole && bytes.get(end) == Some(&b'.');
        if !goes_on || !bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) {
            break;
        }
        at = end + 1;
    }
    let end = ends?;
    let last = bytes[..end].rsplit(|&byte| byte == b'.').next()?.to_ascii_lowercase();
    (!FILES.contains(&last.as_slice())).then_some(end)
}

fn begins_sentence(label: &[u8]) -> bool {
    label[0].is_ascii_uppercase() && label[1..].iter().all(u8::is_ascii_lowercase)
}
