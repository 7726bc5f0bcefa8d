//! Applying the rules to a text in one pass.

use super::PiiRule;
use super::rules::{FindFn, Spec};
use super::site::{Kind, Site, is_word};
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// Personal data found in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PiiMatch {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// Which rule found it.
    pub rule: PiiRule,
}

/// A text with personal data replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The text with placeholders.
    pub text: String,
    /// How often each rule struck; rules that did not are absent.
    pub counts: BTreeMap<PiiRule, usize>,
}

/// Replaces what `rules` find in `text` by their placeholders.
pub fn mask(text: &str, rules: &[PiiRule]) -> Masked {
    let matches = find_pii(text, rules);
    let mut counts = BTreeMap::new();
    for found in &matches {
        *counts.entry(found.rule).or_insert(0) += 1;
    }
    let text = replace(text, &matches, |found, _| found.rule.placeholder().to_owned());
    Masked { text, counts }
}

/// `text` with every match replaced by what `stand_in` makes of it and its text.
pub(super) fn replace(
    text: &str,
    matches: &[PiiMatch],
    mut stand_in: impl FnMut(&PiiMatch, &str) -> String,
) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for found in matches {
        replaced.push_str(&text[from..found.range.start]);
        replaced.push_str(&stand_in(found, &text[found.range.clone()]));
        from = found.range.end;
    }
    replaced.push_str(&text[from..]);
    replaced
}

/// What `rules` find in `text`, in the order of the text, none overlapping another.
///
/// Where proposals overlap, the rule that stands first in [`PiiRule::ALL`] wins. The time is
/// linear in the length of the text whatever it holds: every rule looks a bounded number of bytes
/// around a place.
pub fn find_pii(text: &str, rules: &[PiiRule]) -> Vec<PiiMatch> {
    let mut scan = Scan::new(text, rules);
    if scan.is_idle() {
        return Vec::new();
    }
    scan.visit_marks_and_words();
    scan.visit_phrases();
    resolve(scan.proposals)
}

/// The first byte class that makes a place: digits, `:`, `=`, `@`, and `; < > ?` between them.
fn is_trigger(byte: u8) -> bool {
    byte.wrapping_sub(b'0') <= b'@' - b'0'
}

/// Bytes looked at together; the compiler turns the loop over them into vector code.
const CHUNK: usize = 32;
/// Digits of the groups after a word that make even a short word worth a look.
const MIN_DIGITS: usize = 7;

struct Scan<'a> {
    text: &'a str,
    finders: [Vec<(PiiRule, FindFn)>; Kind::COUNT],
    proposals: Vec<PiiMatch>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, rules: &[PiiRule]) -> Self {
        let mut finders: [Vec<(PiiRule, FindFn)>; Kind::COUNT] = Default::default();
        for rule in PiiRule::ALL.into_iter().filter(|rule| rules.contains(rule)) {
            let Spec { kinds, find, .. } = rule.spec();
            for &kind in *kinds {
                finders[kind as usize].push((rule, *find));
            }
        }
        Self { text, finders, proposals: Vec::new() }
    }

    fn is_idle(&self) -> bool {
        self.finders.iter().all(Vec::is_empty)
    }

    fn visit(&mut self, kind: Kind, range: Range<usize>, digits: usize) {
        let site = Site { text: self.text, kind, start: range.start, end: range.end, digits };
        for (rule, find) in &self.finders[kind as usize] {
            if let Some(range) = find(&site) {
                self.proposals.push(PiiMatch { range, rule: *rule });
            }
        }
    }

    fn visit_marks_and_words(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(found) = next_trigger(bytes, at) {
            at = found + 1;
            match bytes[found] {
                b'@' => self.visit(Kind::At, found..at, 0),
                b':' | b'=' => self.visit(Kind::Mark, found..at, 0),
                b'0'..=b'9' => {
                    let word = word_around(bytes, found);
                    at = word.end;
                    if is_worth_a_look(bytes, &word) {
                        let digits = bytes[found..at].iter().filter(|b| b.is_ascii_digit());
                        let digits = digits.count();
                        self.visit(Kind::Word, word, digits);
                    }
                }
                _ => {}
            }
        }
    }

    fn visit_phrases(&mut self) {
        for (kind, phrase) in [
            (Kind::Mark, "："),
            (Kind::Weixin, "微信"),
            (Kind::KeyBlock, super::private_key::FIRST_LINE_END),
        ] {
            if self.finders[kind as usize].is_empty() {
                continue;
            }
            for start in memmem::find_iter(self.text.as_bytes(), phrase) {
                self.visit(kind, start..start + phrase.len(), 0);
            }
        }
    }
}

fn next_trigger(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..at + CHUNK) {
        if chunk.iter().fold(false, |any, &byte| any | is_trigger(byte)) {
            break;
        }
        at += CHUNK;
    }
    bytes[at..].iter().position(|&byte| is_trigger(byte)).map(|offset| at + offset)
}

/// The word that holds the digit at `at`; no digit of it stands before `at`.
fn word_around(bytes: &[u8], at: usize) -> Range<usize> {
    let back = bytes[..at].iter().rev().take_while(|&&byte| is_word(byte)).count();
    let ahead = bytes[at..].iter().take_while(|&&byte| is_word(byte)).count();
    at - back..at + ahead
}

/// Whether a word is long enough by itself, or begins groups of digits that are.
fn is_worth_a_look(bytes: &[u8], word: &Range<usize>) -> bool {
    let length = word.end - word.start;
    let next = bytes.get(word.end).copied();
    // Short words matter in addresses (`10.0.0.1`, `00-1a-...`) and at the end of passwords.
    let sign = word.start.checked_sub(1).map(|before| bytes[before]);
    let secret = matches!(sign, Some(b'!' | b'@' | b'#' | b'$' | b'^' | b'*' | b'~'));
    let address = match next {
        Some(b'.') => length <= 3,
        Some(b'-') => length == 2,
        _ => false,
    };
    // `DE89` begins an account number in groups, `（0571）` a phone number.
    let account = length == 4
        && bytes[word.start..word.start + 2].iter().all(u8::is_ascii_uppercase)
        && bytes[word.start + 2..word.end].iter().all(u8::is_ascii_digit);
    let bracketed = length >= 3 && bytes[..word.start].ends_with("（".as_bytes());
    if length >= 5 || address || account || bracketed || (secret && length >= 2) {
        return true;
    }
    let reach = bytes[word.start..].iter().take(2 * MIN_DIGITS + 4);
    let group = reach.take_while(|&&byte| {
        byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
    });
    group.filter(|byte| byte.is_ascii_digit()).count() >= MIN_DIGITS
}

/// Keeps what does not overlap, earlier rules and then earlier places first.
fn resolve(mut proposals: Vec<PiiMatch>) -> Vec<PiiMatch> {
    proposals.sort_by_key(|found| (found.rule, found.range.start, found.range.end));
    let mut taken: BTreeMap<usize, PiiMatch> = BTreeMap::new();
    for found in proposals {
        let before = taken.range(..found.range.end).next_back();
        if before.is_none_or(|(_, other)| other.range.end <= found.range.start) {
            taken.insert(found.range.start, found);
        }
    }
    taken.into_values().collect()
}
