//! Gopher's rules over Dolma's attributes.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// The attributes of `gopher_v1`, where empty lines count.
pub(super) fn v1(name: &'static str) -> RuleSet {
    let lines =
        ["plain.bullet_fraction", "plain.ellipsis_fraction", "plain.repeated_line_fraction"];
    let source = "Dolma 1.2.1: tagger gopher_v1, with the thresholds of Gopher's table A1";
    RuleSet { name, version: 1, source, rules: rules(lines) }
}

/// The attributes of `gopher_v2`, which leaves empty lines out.
pub(super) fn v2(name: &'static str) -> RuleSet {
    let lines = [
        "plain.filled_bullet_fraction",
        "plain.filled_ellipsis_fraction",
        "plain.filled_repeated_line_fraction",
    ];
    let source = "Dolma 1.2.1: tagger gopher_v2, with the thresholds of Gopher's table A1";
    RuleSet { name, version: 1, source, rules: rules(lines) }
}

fn rules([bullets, ellipses, repeated]: [&'static str; 3]) -> Vec<Rule> {
    let top = |name, measure, most| Rule::new(name, measure, AtMost(most));
    vec![
        top("most_common_2grams", "plain_repetition.top_2_gram", 0.20),
        top("most_common_3grams", "plain_repetition.top_3_gram", 0.18),
        top("most_common_4grams", "plain_repetition.top_4_gram", 0.16),
        top("duplicate_5grams", "plain_repetition.repeated_5_gram", 0.15),
        top("duplicate_6grams", "plain_repetition.repeated_6_gram", 0.14),
        top("duplicate_7grams", "plain_repetition.repeated_7_gram", 0.13),
        top("duplicate_8grams", "plain_repetition.repeated_8_gram", 0.12),
        top("duplicate_9grams", "plain_repetition.repeated_9_gram", 0.11),
        top("duplicate_10grams", "plain_repetition.repeated_10_gram", 0.10),
        Rule::new("min_word_count", "plain.words", AtLeast(50.0)),
        Rule::new("max_word_count", "plain.words", AtMost(100_000.0)),
        Rule::new("min_median_word_length", "plain.median_chars", AtLeast(3.0)),
        Rule::new("max_median_word_length", "plain.median_chars", AtMost(10.0)),
        Rule::new("symbol_to_word_ratio", "plain.symbol_fraction", AtMost(0.1)),
        Rule::new("words_with_alpha_character", "plain.letter_fraction", AtLeast(0.8)),
        Rule::new("required_word_count", "plain.stop_words", AtLeast(2.0)),
        Rule::new("lines_starting_with_bullet_point", bullets, AtMost(0.9)),
        Rule::new("lines_ending_with_ellipsis", ellipses, AtMost(0.3)),
        Rule::new("duplicate_lines", repeated, AtMost(0.3)),
        Rule::new(
            "characters_in_duplicate_lines",
            "plain.repeated_line_char_fraction",
            AtMost(0.2),
        ),
    ]
}
