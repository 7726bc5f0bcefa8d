//! The filter, and the lists that it is made of.

use super::reason::UrlReason;
use crate::seeded::hash_bytes;
use std::collections::HashSet;

/// Lists as text: an entry a line, upper and lower case the same; empty lines and those that begin
/// with `#` are passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct UrlLists<'l> {
    /// Domains of which no page stays, nor one of their subdomains.
    pub domains: &'l str,
    /// Letters and digits that must not follow each other in an address, whatever else stands
    /// between them.
    pub subwords: &'l str,
    /// Words that must not stand in an address.
    pub words: &'l str,
    /// Words of which an address may have one, not two.
    pub soft_words: &'l str,
}

/// Judges pages by their addresses.
///
/// A word of an address is a run of letters and digits. The lists themselves come from the user:
/// RefinedWeb's domains are 4.6 million, its words were never published.
///
/// # Source
/// Penedo et al. 2023, arXiv:2306.01116, appendix G.1: a list of domains, and words in three
/// degrees of severity. There the lists also make exceptions for curated sources, which are not
/// made here.
#[derive(Clone, Debug, Default)]
pub struct UrlFilter {
    /// Their hashes: there may be millions.
    domains: HashSet<u64>,
    subwords: Vec<String>,
    words: HashSet<String>,
    soft_words: HashSet<String>,
}

impl UrlFilter {
    /// No lists: every page stays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the entries of `lists`.
    pub fn add(&mut self, lists: UrlLists<'_>) {
        let domain = |entry: String| hash(entry.trim_start_matches("*.").trim_matches('.'));
        self.domains.extend(entries(lists.domains).map(domain));
        // What separates characters is passed over in addresses, so it can be none of theirs.
        let plain = entries(lists.subwords).map(|entry| letters(&entry));
        self.subwords.extend(plain.filter(|entry| !entry.is_empty()));
        self.words.extend(entries(lists.words));
        self.soft_words.extend(entries(lists.soft_words));
    }

    /// Why the page at `url` is dropped; none if it stays. The lists are asked in the order of
    /// [`UrlLists`].
    pub fn judge(&self, url: &str) -> Option<UrlReason> {
        let url = url.trim().to_lowercase();
        let host = host(&url);
        if let Some(domain) = domains(host).find(|domain| self.domains.contains(&hash(domain))) {
            return Some(UrlReason::Domain(domain.to_owned()));
        }
        if !self.subwords.is_empty() {
            let plain = letters(&url);
            if let Some(found) = self.subwords.iter().find(|word| plain.contains(word.as_str())) {
                return Some(UrlReason::Subword(found.clone()));
            }
        }
        let words = || url.split(|ch: char| !ch.is_alphanumeric());
        if let Some(word) = words().find(|word| self.words.contains(*word)) {
            return Some(UrlReason::Word(word.to_owned()));
        }
        let mut soft = words().filter(|word| self.soft_words.contains(*word));
        let first = soft.next()?;
        let second = soft.find(|word| *word != first)?;
        Some(UrlReason::SoftWords([first.to_owned(), second.to_owned()]))
    }
}

fn entries(list: &str) -> impl Iterator<Item = String> {
    let lines = list.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_lowercase)
}

fn hash(domain: &str) -> u64 {
    hash_bytes(domain.as_bytes(), 0)
}

/// Letters and digits alone.
fn letters(text: &str) -> String {
    text.chars().filter(|ch| ch.is_alphanumeric()).collect()
}

/// The host of an address, which may lack its scheme.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    };
    host.trim_matches('.')
}

/// The host and every domain that it stands under, the longest first.
fn domains(host: &str) -> impl Iterator<Item = &str> {
    let whole = (!host.is_empty()).then_some(host);
    std::iter::successors(whole, |domain| domain.split_once('.').map(|(_, rest)| rest))
}
