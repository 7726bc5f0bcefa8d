//! Data-Juicer's filters that need neither a model nor a word list from the network.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// The filters with their defaults, in the order of their names.
pub(super) fn set(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "Data-Juicer 1.6.1: the text filters with their defaults, but for stop words and \
                 flagged words (lists from the network) and those that need a model",
        rules: vec![
            Rule::new("alphanumeric_filter", "text.alphanumeric_fraction", AtLeast(0.25)),
            Rule::new("average_line_length_filter", "lines.mean_chars", AtLeast(10.0)),
            Rule::new("character_repetition_filter", "juicer.char_repetition", AtMost(0.5)),
            Rule::new("maximum_line_length_filter", "lines.max_chars", AtLeast(10.0)),
            Rule::new("special_characters_filter", "text.special_fraction", AtMost(0.25)),
            Rule::new("text_length_filter", "text.chars", AtLeast(10.0)),
            Rule::new("word_repetition_filter", "juicer.word_repetition", AtMost(0.5)),
            Rule::new("words_num_filter", "juicer.words", AtLeast(10.0)),
        ],
    }
}
