//! Repeated spans against a comparison of every place with every other.

use super::super::tests::{scratch, text};
use super::*;
use catena_protocol::{Cancel, NoProgress};
use proptest::prelude::*;
use std::collections::HashSet;
use std::ops::Range;

fn found(texts: &[String], least: usize, memory: usize) -> RepeatedSpans {
    let mut dedup = SubstringDedup::new(least, &scratch(memory, 1)).unwrap();
    for text in texts {
        dedup.add(text).unwrap();
    }
    dedup.finish(&NoProgress, &Cancel::new()).unwrap()
}

/// Bytes of each text that lie in a run of `least` bytes seen before, cut to whole characters.
fn oracle(texts: &[String], least: usize) -> Vec<Vec<Range<usize>>> {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut all = Vec::new();
    for text in texts {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (at, run) in text.as_bytes().windows(least).enumerate() {
            if seen.insert(run) {
                continue;
            }
            match spans.last_mut() {
                Some(last) if last.end >= at => last.end = at + least,
                _ => spans.push(at..at + least),
            }
        }
        let whole = |span: Range<usize>| {
            let start = (span.start..span.end).find(|&at| text.is_char_boundary(at));
            let end = (span.start..=span.end).rev().find(|&at| text.is_char_boundary(at));
            start.unwrap_or(span.end)..end.unwrap_or(span.end)
        };
        all.push(spans.into_iter().map(whole).filter(|span| !span.is_empty()).collect());
    }
    all
}

#[test]
fn a_paragraph_that_was_there_before_goes() {
    let shared = text(0..40);
    let texts = [format!("first {shared} end"), text(50..90), format!("other\n{shared}\nmore")];
    let near = found(&texts, 100, 1 << 20);
    assert_eq!(near.of(0).len() + near.of(1).len(), 0);
    assert_eq!(near.of(2), vec![6..6 + shared.len()]);
    assert_eq!(without_spans(&texts[2], near.of(2)), "other\n\nmore");
    assert_eq!(near.report().num_blocks, 1);
}

#[test]
fn a_small_memory_looks_block_by_block() {
    let texts: Vec<String> = (0..40).map(|at| text(at % 20 * 500..at % 20 * 500 + 500)).collect();
    let all = found(&texts, 50, 1 << 22);
    assert_eq!((0..40).map(|at| all.of(at).len()).sum::<usize>(), 20);
    let small = found(&texts, 50, 1);
    assert!(small.report().num_blocks > 1, "{:?}", small.report());
    assert_eq!(small.report().num_candidate_bytes, all.report().num_candidate_bytes);
}

#[test]
fn lengths_out_of_range_are_refused() {
    let error = SubstringDedup::new(3, &scratch(1, 1)).err().unwrap();
    insta::assert_snapshot!(error, @"`substring_bytes` is 3, expected from 8 to 65,536");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn spans_are_those_of_the_oracle(
        texts in proptest::collection::vec("[ab]{0,60}|[aé户]{0,30}|a{0,80}", 0..6),
        least in 8..20_usize,
        memory in 1..4000_usize,
    ) {
        let near = found(&texts, least, memory);
        let expected = oracle(&texts, least);
        for (at, expected) in expected.iter().enumerate() {
            prop_assert_eq!(near.of(at), expected.as_slice(), "of text {}", at);
        }
    }
}
