//! The labelled sentences: what share of the matches is right, and what share of the data is found.

use super::*;
use std::collections::BTreeMap;

const SENTENCES: &str = include_str!("../../../tests/golden/pii/sentences.jsonl");
/// What the rules must reach on all sentences and on those they were not tuned on.
const MIN_PRECISION: f64 = 0.98;
const MIN_RECALL: f64 = 0.95;

fn sentences() -> Vec<LabelledText> {
    SENTENCES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn tallies(part: impl Fn(&str) -> bool) -> BTreeMap<PiiRule, PiiTally> {
    let sentences = sentences();
    tally_pii(sentences.iter().filter(|sentence| part(&sentence.part)), &PiiRule::usual())
}

#[track_caller]
fn check_part(name: &str, part: impl Fn(&str) -> bool) {
    let tallies = tallies(part);
    let total = tallies.values().copied().fold(PiiTally::default(), PiiTally::plus);
    let (precision, recall) = (total.precision(), total.recall());
    println!("{name}: precision {precision:.4}, recall {recall:.4}");
    for (rule, tally) in &tallies {
        let PiiTally { right, missed, wrong } = tally;
        println!("  {:16} right {right:3}, missed {missed:2}, wrong {wrong:2}", rule.name());
    }
    assert!(precision >= MIN_PRECISION, "{name}: precision {precision:.4}");
    assert!(recall >= MIN_RECALL, "{name}: recall {recall:.4}");
}

#[test]
fn all_sentences() {
    check_part("all", |_| true);
}

#[test]
fn sentences_that_the_rules_were_tuned_on() {
    check_part("tune", |part| part == "tune");
}

#[test]
fn sentences_that_the_rules_were_not_tuned_on() {
    check_part("test", |part| part == "test");
}

#[test]
fn the_set_is_large_and_half_of_it_has_no_personal_data() {
    let sentences = sentences();
    let without = sentences.iter().filter(|sentence| sentence.spans.is_empty()).count();
    assert!(sentences.len() >= 600, "{} sentences", sentences.len());
    assert!((0.4..0.6).contains(&(without as f64 / sentences.len() as f64)), "{without} without");
    let covered = tallies(|_| true);
    let usual = PiiRule::usual();
    let rare: Vec<_> = usual.iter().filter(|rule| !covered.contains_key(rule)).collect();
    assert!(rare.is_empty(), "no sentence has {rare:?}");
}
