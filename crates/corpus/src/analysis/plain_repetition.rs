//! N-grams of words between white space, as Dolma and NeMo count them.

use super::chain::Chain;
use super::layout::{CharsBefore, Layout, Token};
use super::measure::{measure_table, ratio};
use serde::{Deserialize, Serialize};

/// Counts of n-grams.
///
/// Dolma's top n-gram counts its words' characters as often as it occurs; its duplicate n-grams
/// are all copies of what stands more than once. NeMo counts the characters of the text that go
/// when the top n-gram is deleted from it as a string, and of later copies those not yet counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PlainRepetitionCounts {
    chars: u64,
    words: u64,
    word_chars: u64,
    top_chars: [u64; 3],
    deleted_chars: [u64; 3],
    repeated_chars: [u64; 6],
    all_chars: [u64; 6],
    later_chars: [u64; 6],
}

/// Buffers for [`PlainRepetitionCounts`].
#[derive(Default)]
pub(super) struct PlainRepetitionScratch {
    chain: Chain,
    chars_before: CharsBefore,
    pattern: String,
}

impl PlainRepetitionScratch {
    pub(super) fn count(&mut self, text: &str, layout: &Layout) -> PlainRepetitionCounts {
        let words = &layout.plain_words;
        self.chars_before.read(words);
        let mut counts = PlainRepetitionCounts {
            chars: layout.chars as u64,
            words: words.len() as u64,
            word_chars: self.chars_before.between(0, words.len()),
            ..PlainRepetitionCounts::default()
        };
        self.chain.start(words);
        for n in 2..=10 {
            if n > 2 {
                self.chain.grow(words);
            }
            if words.len() < n {
                break;
            }
            if n <= 4 {
                (counts.top_chars[n - 2], counts.deleted_chars[n - 2]) =
                    self.top(text, words, layout, n);
            } else {
                counts.all_chars[n - 5] = self.all_chars(words, n);
                (counts.repeated_chars[n - 5], counts.later_chars[n - 5]) =
                    self.repeated(words.len(), n);
            }
        }
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.chain.shrink(entries);
        self.chars_before = CharsBefore::default();
    }

    fn chars_of(&self, from: usize, to: usize) -> u64 {
        self.chars_before.between(from, to)
    }

    /// Characters of the most frequent n-gram, and those that go when it is deleted.
    fn top(&mut self, text: &str, words: &[Token], layout: &Layout, n: usize) -> (u64, u64) {
        let (first, count) =
            self.chain.top().map_or((0, 1), |top| (top.first as usize, u64::from(top.count)));
        self.pattern.clear();
        for word in &words[first..first + n] {
            if !self.pattern.is_empty() {
                self.pattern.push(' ');
            }
            self.pattern.push_str(&text[word.start as usize..word.end as usize]);
        }
        let places = memchr::memmem::find_iter(text.as_bytes(), self.pattern.as_bytes()).count();
        let chars = self.chars_of(first, first + n);
        debug_assert!(layout.chars as u64 >= chars);
        (chars * count, (chars + n as u64 - 1) * places as u64)
    }

    /// Characters of all n-grams: a word counts once for each n-gram that it is in.
    fn all_chars(&self, words: &[Token], n: usize) -> u64 {
        let most = n.min(words.len() + 1 - n);
        let mut chars = self.chars_of(0, words.len()) * most as u64;
        for edge in 0..most - 1 {
            let missing = (most - 1 - edge) as u64;
            let both = words[edge].chars + words[words.len() - 1 - edge].chars;
            chars -= missing * u64::from(both);
        }
        chars
    }

    /// Characters of n-grams that repeat, all copies; and of later copies, with spaces, without
    /// counting a word twice.
    fn repeated(&self, words: usize, n: usize) -> (u64, u64) {
        let (mut all, mut later) = (0, 0);
        let mut last_later: Option<usize> = None;
        for repeat in self.chain.repeats() {
            let end = repeat.at + n;
            debug_assert!(end <= words);
            all += self.chars_of(repeat.at, end);
            if repeat.is_first {
                continue;
            }
            let counted = last_later.map_or(0, |last| (last + n).saturating_sub(repeat.at));
            let spaces = (n - counted).min(n - 1);
            later += self.chars_of(repeat.at + counted, end) + spaces as u64;
            last_later = Some(repeat.at);
        }
        (all, later)
    }
}

impl PlainRepetitionCounts {
    fn deleted(&self, n: u64, chars: u64) -> f64 {
        if self.words < n { 1.0 } else { ratio(chars, self.chars) }
    }
}

measure_table! { PlainRepetition, plain_repetition, |it, profile|
    "plain_repetition.top_2_gram",
        "Characters of the most frequent pair of words, by characters of words."
        => ratio(it.top_chars[0], it.word_chars);
    "plain_repetition.top_3_gram", "The same of the most frequent 3-gram."
        => ratio(it.top_chars[1], it.word_chars);
    "plain_repetition.top_4_gram", "The same of the most frequent 4-gram."
        => ratio(it.top_chars[2], it.word_chars);
    "plain_repetition.repeated_5_gram",
        "Characters of 5-grams that stand more than once, by those of all 5-grams."
        => ratio(it.repeated_chars[0], it.all_chars[0]);
    "plain_repetition.repeated_6_gram", "The same of 6-grams."
        => ratio(it.repeated_chars[1], it.all_chars[1]);
    "plain_repetition.repeated_7_gram", "The same of 7-grams."
        => ratio(it.repeated_chars[2], it.all_chars[2]);
    "plain_repetition.repeated_8_gram", "The same of 8-grams."
        => ratio(it.repeated_chars[3], it.all_chars[3]);
    "plain_repetition.repeated_9_gram", "The same of 9-grams."
        => ratio(it.repeated_chars[4], it.all_chars[4]);
    "plain_repetition.repeated_10_gram", "The same of 10-grams."
        => ratio(it.repeated_chars[5], it.all_chars[5]);
    "plain_repetition.deleted_2_gram",
        "Characters that go when the most frequent pair is deleted, by characters; \
         1 with fewer words."
        => it.deleted(2, it.deleted_chars[0]);
    "plain_repetition.deleted_3_gram", "The same of the most frequent 3-gram."
        => it.deleted(3, it.deleted_chars[1]);
    "plain_repetition.deleted_4_gram", "The same of the most frequent 4-gram."
        => it.deleted(4, it.deleted_chars[2]);
    "plain_repetition.later_5_gram",
        "Characters of later copies of 5-grams, by characters; 1 with fewer words."
        => it.deleted(5, it.later_chars[0]);
    "plain_repetition.later_6_gram", "The same of 6-grams." => it.deleted(6, it.later_chars[1]);
    "plain_repetition.later_7_gram", "The same of 7-grams." => it.deleted(7, it.later_chars[2]);
    "plain_repetition.later_8_gram", "The same of 8-grams." => it.deleted(8, it.later_chars[3]);
    "plain_repetition.later_9_gram", "The same of 9-grams." => it.deleted(9, it.later_chars[4]);
    "plain_repetition.later_10_gram", "The same of 10-grams."
        => it.deleted(10, it.later_chars[5]);
}
