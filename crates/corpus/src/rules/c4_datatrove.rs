//! C4's rules as DataTrove applies them.

use super::rule::Bound::{AtLeast, AtMost};
use super::rule::{Rule, RuleSet};

/// `C4QualityFilter` with its defaults: a line must end with punctuation.
pub(super) fn strict(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "DataTrove 0.10.1: C4QualityFilter, English; of a document with both lorem ipsum \
                 and a curly bracket we always name lorem ipsum",
        rules: vec![
            Rule::new("lorem_ipsum", "c4.lorem_ipsum_lines", AtMost(0.0)),
            Rule::new("curly_bracket", "c4.curly_bracket_lines", AtMost(0.0)),
            Rule::new("too_few_sentences", "c4.sentences", AtLeast(5.0)),
        ],
    }
}

/// `C4QualityFilter` as FineWeb uses it: `filter_no_terminal_punct=False`.
pub(super) fn fineweb(name: &'static str) -> RuleSet {
    RuleSet {
        name,
        version: 1,
        source: "DataTrove 0.10.1: C4QualityFilter(filter_no_terminal_punct=False), English; of a \
                 document with both lorem ipsum and a curly bracket we always name lorem ipsum",
        rules: vec![
            Rule::new("lorem_ipsum", "c4.any_end.lorem_ipsum_lines", AtMost(0.0)),
            Rule::new("curly_bracket", "c4.any_end.curly_bracket_lines", AtMost(0.0)),
            Rule::new("too_few_sentences", "c4.any_end.sentences", AtLeast(5.0)),
        ],
    }
}

/// `C4ParagraphFilter`.
pub(super) fn paragraph(name: &'static str) -> RuleSet {
    let rules = vec![Rule::new("< 3 paragraphs", "lines.third_longest_chars", AtLeast(200.0))];
    RuleSet { name, version: 1, source: "DataTrove 0.10.1: C4ParagraphFilter", rules }
}
