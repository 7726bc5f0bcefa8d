//! Our own rules for Chinese.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// Gopher's rules where words come from a dictionary.
///
/// Words of Chinese have 1.6 characters on average and stand without spaces, so what Gopher asks
/// of words between spaces fails for any good text. The shares for repetition are Gopher's.
pub(super) fn set(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "ours: Gopher's rules over jieba's words, with stop words and ends of Chinese",
        rules: vec![
            Rule::new("too_little_han", "text.han_fraction", AtLeast(0.3)),
            Rule::new("too_few_words", "chinese.words", AtLeast(30.0)),
            Rule::new("too_many_words", "chinese.words", AtMost(100_000.0)),
            Rule::new("words_too_short", "chinese.mean_chars", AtLeast(1.1)),
            Rule::new("words_too_long", "chinese.mean_chars", AtMost(3.0)),
            Rule::new("too_many_full_width_forms", "text.full_width_fraction", AtMost(0.3)),
            Rule::new("too_many_other_characters", "chinese.other_fraction", AtMost(0.3)),
            Rule::new("too_few_stop_words", "chinese.stop_words", AtLeast(2.0)),
            Rule::new("too_few_sentences", "chinese.sentences", AtLeast(3.0)),
            Rule::new("too_few_ended_lines", "chinese.ended_line_fraction", AtLeast(0.12)),
            Rule::new("repeated_paragraphs", "paragraphs.duplicate_fraction", AtMost(0.3)),
            Rule::new("repeated_lines", "lines.duplicate_fraction", AtMost(0.3)),
            Rule::new("repeated_line_chars", "lines.duplicate_char_fraction", AtMost(0.2)),
            Rule::new("top_2_gram", "chinese.top_2_gram", AtMost(0.2)),
            Rule::new("top_3_gram", "chinese.top_3_gram", AtMost(0.18)),
            Rule::new("top_4_gram", "chinese.top_4_gram", AtMost(0.16)),
            Rule::new("duplicate_5_gram", "chinese.duplicate_5_gram", AtMost(0.15)),
            Rule::new("duplicate_10_gram", "chinese.duplicate_10_gram", AtMost(0.10)),
        ],
    }
}
