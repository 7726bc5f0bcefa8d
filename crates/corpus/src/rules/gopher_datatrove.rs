//! Gopher's rules as DataTrove applies them.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// Repetition, then quality.
pub(super) fn both(name: &'static str) -> RuleSet {
    let rules = [repetition_rules(), quality_rules()].concat();
    RuleSet {
        name,
        version: 1,
        source: "DataTrove 0.10.1: GopherRepetitionFilter, then GopherQualityFilter, English",
        rules,
    }
}

/// `GopherRepetitionFilter`.
pub(super) fn repetition(name: &'static str) -> RuleSet {
    let source = "DataTrove 0.10.1: GopherRepetitionFilter, English";
    RuleSet { name, version: 1, source, rules: repetition_rules() }
}

/// `GopherQualityFilter`.
pub(super) fn quality(name: &'static str) -> RuleSet {
    let source = "DataTrove 0.10.1: GopherQualityFilter, English";
    RuleSet { name, version: 1, source, rules: quality_rules() }
}

fn repetition_rules() -> Vec<Rule> {
    vec![
        Rule::new("empty", "text.chars", AtLeast(1.0)),
        Rule::new("dup_para_frac", "paragraphs.duplicate_fraction", AtMost(0.3)),
        Rule::new("dup_para_char_frac", "paragraphs.duplicate_char_fraction", AtMost(0.2)),
        Rule::new("dup_line_frac", "lines.duplicate_fraction", AtMost(0.3)),
        Rule::new("dup_line_char_frac", "lines.duplicate_char_fraction", AtMost(0.2)),
        Rule::new("top_2_gram", "repetition.top_2_gram", AtMost(0.2)),
        Rule::new("top_3_gram", "repetition.top_3_gram", AtMost(0.18)),
        Rule::new("top_4_gram", "repetition.top_4_gram", AtMost(0.16)),
        Rule::new("duplicated_5_n_grams", "repetition.duplicate_5_gram", AtMost(0.15)),
        Rule::new("duplicated_6_n_grams", "repetition.duplicate_6_gram", AtMost(0.14)),
        Rule::new("duplicated_7_n_grams", "repetition.duplicate_7_gram", AtMost(0.13)),
        Rule::new("duplicated_8_n_grams", "repetition.duplicate_8_gram", AtMost(0.12)),
        Rule::new("duplicated_9_n_grams", "repetition.duplicate_9_gram", AtMost(0.11)),
        Rule::new("duplicated_10_n_grams", "repetition.duplicate_10_gram", AtMost(0.10)),
    ]
}

fn quality_rules() -> Vec<Rule> {
    vec![
        Rule::new("gopher_short_doc", "words.non_symbol_count", AtLeast(50.0)),
        Rule::new("gopher_long_doc", "words.non_symbol_count", AtMost(100_000.0)),
        Rule::new("gopher_below_avg_threshold", "words.mean_chars", AtLeast(3.0)),
        Rule::new("gopher_above_avg_threshold", "words.mean_chars", AtMost(10.0)),
        Rule::new("gopher_too_many_hashes", "words.hashes_per_word", AtMost(0.1)),
        Rule::new("gopher_too_many_ellipsis", "words.ellipses_per_word", AtMost(0.1)),
        Rule::new("gopher_too_many_bullets", "lines.bullet_fraction", AtMost(0.9)),
        Rule::new("gopher_too_many_end_ellipsis", "lines.ellipsis_fraction", AtMost(0.3)),
        Rule::new("gopher_below_alpha_threshold", "words.alphabetic_fraction", AtLeast(0.8)),
        Rule::new("gopher_enough_stop_words", "words.distinct_stop_words", AtLeast(2.0)),
    ]
}
