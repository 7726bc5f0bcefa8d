//! NeMo Curator's heuristic filters for English.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// The stages of `heuristic_filter_english_pipeline.yaml`, in its order.
pub(super) fn set(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "NeMo Curator 1.4.0: heuristic_filter_english_pipeline.yaml; of n-grams equally \
                 frequent NeMo takes any and we the first, and what NeMo cannot divide by fails",
        rules: [string_rules(), repetition_rules()].concat(),
    }
}

fn string_rules() -> Vec<Rule> {
    vec![
        Rule::new("alpha_numeric", "text.nemo_other_fraction", AtMost(0.25)),
        Rule::new("symbol_to_word", "plain.nemo_symbol_fraction", AtMost(0.1)),
        Rule::new("numbers_ratio", "text.digit_fraction", AtMost(0.15)),
        Rule::new("urls_ratio", "plain.url_fraction", AtMost(0.2)),
        Rule::new("white_space", "text.nemo_space_fraction", AtMost(0.25)),
        Rule::new("parentheses_ratio", "text.nemo_bracket_fraction", AtMost(0.1)),
        Rule::new("boilerplate_string_ratio", "plain.boilerplate_fraction", AtMost(0.4)),
        Rule::new("repeated_lines", "plain.distinct_line_fraction", AtLeast(0.7)),
        Rule::new("repeated_paragraphs", "plain.distinct_paragraph_fraction", AtLeast(0.7)),
        Rule::new("repeated_lines_char", "plain.distinct_line_char_fraction", AtLeast(0.8)),
        Rule::new(
            "repeated_paragraphs_char",
            "plain.distinct_paragraph_char_fraction",
            AtLeast(0.8),
        ),
        Rule::new("word_count_min", "plain.words", AtLeast(50.0)),
        Rule::new("word_count_max", "plain.words", AtMost(100_000.0)),
        Rule::new("punctuation", "plain.nemo_unended_fraction", AtMost(0.85)),
        Rule::new("words_without_alphabets", "plain.alphabetic_fraction", AtLeast(0.8)),
        Rule::new("common_english_words", "plain.stop_words", AtLeast(2.0)),
        Rule::new("mean_word_length_min", "plain.mean_chars", AtLeast(3.0)),
        Rule::new("mean_word_length_max", "plain.mean_chars", AtMost(10.0)),
        Rule::new("max_word_length", "plain.max_chars", AtMost(1000.0)),
        Rule::new("ellipsis", "plain.nemo_ellipsis_fraction", AtMost(0.3)),
    ]
}

fn repetition_rules() -> Vec<Rule> {
    vec![
        Rule::new("repeating_top_2grams", "plain_repetition.deleted_2_gram", AtMost(0.2)),
        Rule::new("repeating_top_3grams", "plain_repetition.deleted_3_gram", AtMost(0.18)),
        Rule::new("repeating_top_4grams", "plain_repetition.deleted_4_gram", AtMost(0.16)),
        Rule::new("repeating_dup_5gram", "plain_repetition.later_5_gram", AtMost(0.15)),
        Rule::new("repeating_dup_6gram", "plain_repetition.later_6_gram", AtMost(0.14)),
        Rule::new("repeating_dup_7gram", "plain_repetition.later_7_gram", AtMost(0.13)),
        Rule::new("repeating_dup_8gram", "plain_repetition.later_8_gram", AtMost(0.12)),
        Rule::new("repeating_dup_9gram", "plain_repetition.later_9_gram", AtMost(0.11)),
        Rule::new("repeating_dup_10gram", "plain_repetition.later_10_gram", AtMost(0.10)),
        Rule::new("bullet_ratio", "plain.nemo_bullet_fraction", AtMost(0.9)),
    ]
}
