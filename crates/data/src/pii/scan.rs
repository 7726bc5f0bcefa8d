//! Applying the rules to a text, and what they share.

use super::PiiRule;
use regex::Regex;
use std::collections::BTreeMap;
use std::ops::Range;

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
    let mut strikes: Vec<(Range<usize>, PiiRule)> = Vec::new();
    for rule in PiiRule::ALL.into_iter().filter(|rule| rules.contains(rule)) {
        for range in rule.find(text) {
            let free = |(taken, _): &(Range<usize>, PiiRule)| {
                range.end <= taken.start || taken.end <= range.start
            };
            if strikes.iter().all(free) {
                strikes.push((range, rule));
            }
        }
    }
    strikes.sort_by_key(|(range, _)| range.start);
    let mut masked = Masked { text: String::with_capacity(text.len()), counts: BTreeMap::new() };
    let mut from = 0;
    for (range, rule) in strikes {
        masked.text.push_str(&text[from..range.start]);
        masked.text.push_str(rule.placeholder());
        from = range.end;
        *masked.counts.entry(rule).or_insert(0) += 1;
    }
    masked.text.push_str(&text[from..]);
    masked
}

/// The matches of `pattern` that `accept` confirms, given the text before, the match, and the
/// text after. A rejected match is searched again from its second character.
pub(super) fn confirmed(
    pattern: &Regex,
    text: &str,
    accept: impl Fn(&str, &str, &str) -> bool,
) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(found) = pattern.find_at(text, from) {
        if accept(&text[..found.start()], found.as_str(), &text[found.end()..]) {
            ranges.push(found.range());
            from = found.end();
        } else {
            let first = found.as_str().chars().next().map_or(1, char::len_utf8);
            from = found.start() + first;
        }
        if from >= text.len() {
            break;
        }
    }
    ranges
}

/// Whether a number that follows `before` and precedes `after` stands alone: no letter, digit or
/// currency sign touches it, and no point, comma, sign or slash ties it to further digits.
pub(super) fn stands_alone(before: &str, after: &str) -> bool {
    let mut back = before.chars().rev();
    let starts = match back.next() {
        Some('.' | ',' | '-' | '/' | '_' | ':') => !back.next().is_some_and(is_word),
        Some(ch) => !is_word(ch) && !matches!(ch, '$' | '€' | '£' | '¥' | '#' | '@' | '='),
        None => true,
    };
    let mut ahead = after.chars();
    let ends = match ahead.next() {
        Some('.' | ',' | '-' | '/' | ':') => !ahead.next().is_some_and(|ch| ch.is_ascii_digit()),
        Some(ch) => !is_word(ch) && !matches!(ch, '%' | '@' | '='),
        None => true,
    };
    starts && ends
}

/// ASCII letters, digits and the underscore. Chinese characters are no part of a number's word:
/// they stand beside it without a space.
fn is_word(ch: char) -> bool {
    ch.is_ascii_alphanumeric() || ch == '_'
}

/// The digits of `text`.
pub(super) fn digits(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
}
