//! RefinedWeb's rules as DCLM wrote them again.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// The filters of `dclm_baseline_refinedweb.yaml` that look at the text, in its order.
pub(super) fn set(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "DCLM 361714b: dclm_baseline_refinedweb.yaml; lists of addresses and language are \
                 judged by other operators, and URLs in the text are not removed first",
        rules: [page_rules(), repetition_rules()].concat(),
    }
}

fn page_rules() -> Vec<Rule> {
    vec![
        Rule::new("page_length_min", "refined.words", AtLeast(50.0)),
        Rule::new("page_length_max", "refined.words", AtMost(100_000.0)),
        Rule::new("word_length_min", "plain.mean_chars", AtLeast(3.0)),
        Rule::new("word_length_max", "plain.mean_chars", AtMost(10.0)),
        Rule::new("symbol_ratio", "refined.symbols_per_word", AtMost(0.1)),
        Rule::new("bullet_count", "refined.bullet_fraction", AtMost(0.9)),
        Rule::new("ellipsis_count", "refined.ellipsis_fraction", AtMost(0.3)),
        Rule::new("alphabetic_word_ratio", "refined.other_word_fraction", AtMost(0.2)),
        Rule::new("stop_word", "refined.stop_words", AtLeast(2.0)),
    ]
}

fn repetition_rules() -> Vec<Rule> {
    let most = |name, measure, most| Rule::new(name, measure, AtMost(most));
    vec![
        most("repeated_lines", "refined.repeated_line_fraction", 0.3),
        most("repeated_paragraphs", "refined.repeated_paragraph_fraction", 0.3),
        most("repeated_lines_char", "refined.repeated_line_char_fraction", 0.2),
        most("repeated_paragraphs_char", "refined.repeated_paragraph_char_fraction", 0.2),
        most("top_2_gram", "refined.top_2_gram", 0.2),
        most("top_3_gram", "refined.top_3_gram", 0.18),
        most("top_4_gram", "refined.top_4_gram", 0.16),
        most("repeated_5_gram", "refined.repeated_5_gram", 0.15),
        most("repeated_6_gram", "refined.repeated_6_gram", 0.14),
        most("repeated_7_gram", "refined.repeated_7_gram", 0.13),
        most("repeated_8_gram", "refined.repeated_8_gram", 0.12),
        most("repeated_9_gram", "refined.repeated_9_gram", 0.11),
        most("repeated_10_gram", "refined.repeated_10_gram", 0.10),
        most("word_removal_ratio", "refined.removed_fraction", 0.05),
    ]
}
