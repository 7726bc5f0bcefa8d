//! FineWeb's own rules.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// `FineWebQualityFilter`.
pub(super) fn set(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "DataTrove 0.10.1: FineWebQualityFilter, English",
        rules: vec![
            Rule::new("empty", "lines.filled", AtLeast(1.0)),
            Rule::new("line_punct_ratio", "lines.terminal_fraction", AtLeast(0.12)),
            Rule::new("short_line_ratio", "lines.short_fraction", AtMost(0.67)),
            Rule::new("char_dup_ratio", "lines.filled_duplicate_char_fraction", AtMost(0.01)),
            Rule::new("list_ratio", "words.newlines_per_word", AtMost(0.3)),
        ],
    }
}
