//! The join on disk against a comparison of all pairs.

use super::super::tests::{judged_in_turn, scratch, text};
use super::super::{
    JoinReport, Linking, MinHashConfig, NearDedup, NearDuplicates, NearIndex, Scratch,
};
use super::finish::in_f32;
use crate::error::CorpusError;
use catena_protocol::{Cancel, NoProgress};
use proptest::prelude::*;
use std::collections::HashSet;

fn found(texts: &[String], config: &MinHashConfig, scratch: &Scratch) -> NearDuplicates {
    let mut dedup = NearDedup::new(config, scratch).unwrap();
    for batch in texts.chunks(37) {
        dedup.add(batch, &Cancel::new()).unwrap();
    }
    dedup.finish(&NoProgress, &Cancel::new()).unwrap()
}

/// `families` originals of 60 words, each with copies that lack `copy` words at their end.
fn corpus(families: usize, copies: usize) -> Vec<String> {
    let of = |copy: usize| {
        move |family: usize| {
            let start = family * 100;
            format!("{} {}", text(start..start + 60 - copy), text(start + 70..start + 70 + copy))
        }
    };
    (0..copies).flat_map(|copy| (0..families).map(of(copy))).collect()
}

#[test]
fn clusters_are_named_by_their_first_document() {
    let texts = ["", "one two three four five six", "seven", "ONE two, three four five six.", "-"];
    let texts = texts.map(ToOwned::to_owned);
    let near = found(&texts, &MinHashConfig::default(), &scratch(1 << 20, 1));
    let of: Vec<_> = near.iter().map(|one| one.map(|one| (one.of, one.similarity))).collect();
    assert_eq!(of, [None, None, None, Some((1, 1.0)), None]);
    assert_eq!((near.cluster(3), near.cluster(0)), ((1, 2), (0, 1)));
    let expected = JoinReport {
        num_documents: 5,
        num_empty: 2,
        num_equal: 1,
        num_clusters: 1,
        num_duplicates: 1,
        ..JoinReport::default()
    };
    assert_eq!(near.report(), &expected);
}

#[test]
fn documents_of_different_groups_are_never_duplicates() {
    let near = text(0..60);
    let texts = [text(0..59), near.clone(), near.clone(), near.clone(), near];
    for name in MinHashConfig::PRESETS {
        let config = MinHashConfig::preset(name).unwrap();
        let of = |groups: [u64; 5]| {
            let mut dedup = NearDedup::new(&config, &scratch(1 << 20, 1)).unwrap();
            let texts: Vec<(&String, u64)> = texts.iter().zip(groups).collect();
            dedup.add_in_groups(&texts, &Cancel::new()).unwrap();
            let near = dedup.finish(&NoProgress, &Cancel::new()).unwrap();
            near.iter().map(|one| one.map(|one| one.of)).collect::<Vec<_>>()
        };
        assert_eq!(of([0, 7, 8, 7, 0])[1..4], [None, None, Some(1)], "{name}");
        assert_eq!(of([7, 7, 8, 8, 0])[2..], [None, Some(2), None], "{name}");
    }
}

#[test]
fn similarity_to_the_first_is_told_even_if_others_link() {
    // Each step changes two of 60 words: 0.93 to the next, 0.5 after nine.
    let texts: Vec<String> = (0..10).map(|step| text(step * 2..step * 2 + 60)).collect();
    let near = found(&texts, &MinHashConfig::default(), &scratch(1 << 20, 2));
    assert!(near.iter().skip(1).all(|one| one.is_some_and(|one| one.of == 0)));
    let last = near.get(9).unwrap().similarity;
    assert!((last - 38.0 / 74.0).abs() < 1e-6, "{last}");
}

#[test]
fn any_memory_and_any_threads_give_the_same_result() {
    let texts = corpus(200, 4);
    let config = MinHashConfig::default();
    let expected = found(&texts, &config, &scratch(1 << 24, 1));
    assert_eq!((expected.report().num_clusters, expected.report().num_duplicates), (200, 600));
    for (memory, threads) in [(1, 1), (3000, 3), (50_000, 2)] {
        assert_eq!(found(&texts, &config, &scratch(memory, threads)), expected);
    }
}

#[test]
fn crowded_bands_stay_linear_and_still_join() {
    // 1,000 pages of one template, each with three words of its own.
    let page = |n: usize| format!("{} {}", text(0..100), text(200 + n * 3..203 + n * 3));
    let texts: Vec<String> = (0..1000).map(page).collect();
    let near = found(&texts, &MinHashConfig::default(), &scratch(1 << 22, 2));
    assert_eq!(near.report().num_duplicates, 999);
    assert!(near.report().num_left_out > 0);
    assert!(near.report().num_meetings < 1000 * 128 * 20, "{:?}", near.report());
}

#[test]
fn unverified_presets_join_all_that_meets() {
    let texts = corpus(50, 2);
    let config = MinHashConfig::preset("datatrove").unwrap();
    let near = found(&texts, &config, &scratch(1 << 20, 2));
    assert_eq!((near.report().num_duplicates, near.report().num_compared), (50, 0));
    assert_eq!(near.get(50).map(|one| one.of), Some(0));
}

#[test]
fn numbers_that_differ_keep_documents_apart() {
    let with = |fee: &str| format!("{} {fee} {}", text(0..100), text(100..200));
    let texts = [with("5.00"), with("7.00"), with("5.00")];
    let careful = MinHashConfig { keep_if_numbers_differ: true, ..Default::default() };
    let of = |config| -> Vec<_> {
        found(&texts, &config, &scratch(1 << 20, 1)).iter().map(|one| one.map(|d| d.of)).collect()
    };
    assert_eq!(of(careful), [None, None, Some(0)]);
    assert_eq!(of(MinHashConfig::default()), [None, Some(0), Some(0)]);
}

#[test]
fn a_stop_is_heard_and_a_missing_folder_named() {
    let stopped = Cancel::new();
    let mut dedup = NearDedup::new(&MinHashConfig::default(), &scratch(1 << 20, 1)).unwrap();
    dedup.add(&["some text of a few words"], &stopped).unwrap();
    stopped.cancel();
    assert!(matches!(dedup.add(&["more"], &stopped), Err(CorpusError::Interrupted)));
    assert!(matches!(dedup.finish(&NoProgress, &stopped), Err(CorpusError::Interrupted)));
    let missing = Scratch { folder: "/missing/folder".into(), memory_bytes: 1, threads: 1 };
    let error = NearDedup::new(&MinHashConfig::default(), &missing).err().unwrap();
    insta::assert_snapshot!(error, @"cannot write to /missing/folder");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is found in memory, one text after another, is what is found on disk.
    #[test]
    fn linking_with_kept_agrees_with_the_index_in_memory(
        spans in proptest::collection::vec((0..40_usize, 10..60_usize), 1..40),
    ) {
        // Equal texts share one verdict on disk; in memory the later one is judged anew.
        let mut seen = HashSet::new();
        let spans = spans.into_iter().filter(|span| seen.insert(*span));
        let content = |(start, len): (usize, usize)| text(start * 5..start * 5 + len);
        let texts: Vec<String> = spans.map(content).collect();
        let config = MinHashConfig { linking: Linking::Kept, ..MinHashConfig::default() };
        let near = found(&texts, &config, &scratch(4000, 2));
        let expected = judged_in_turn(&texts, &config);
        let of: Vec<_> = near.iter().map(|one| one.map(|one| one.of)).collect();
        let expected_of: Vec<_> =
            expected.iter().map(|one| one.map(|one| one.of as u64)).collect();
        prop_assert_eq!(of, expected_of);
        for (near, expected) in near.iter().zip(expected) {
            let similarity = expected.map(|expected| in_f32(expected.similarity));
            prop_assert_eq!(near.map(|near| near.similarity), similarity);
        }
    }

    /// A cluster is what hangs together by true similarity, where bands cannot miss it.
    #[test]
    fn clusters_agree_with_a_comparison_of_all_pairs(
        spans in proptest::collection::vec((0..30_usize, 10..60_usize), 1..30),
    ) {
        let content = |&(start, len): &(usize, usize)| text(start * 5..start * 5 + len);
        let texts: Vec<String> = spans.iter().map(content).collect();
        let config = MinHashConfig { bands: 64, rows: 2, ..MinHashConfig::default() };
        let near = found(&texts, &config, &scratch(4000, 2));
        let mut first: Vec<usize> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            first.push(at);
            // All earlier ones at once: each is the only one of an index of its own.
            for earlier in 0..at {
                let mut one = NearIndex::new(&config);
                one.insert(&texts[earlier]);
                if one.best(text).is_some() {
                    let (a, b) = (first[earlier].min(first[at]), first[earlier].max(first[at]));
                    first.iter_mut().filter(|root| **root == b).for_each(|root| *root = a);
                }
            }
        }
        let roots: Vec<usize> =
            (0..texts.len()).map(|at| usize::try_from(near.cluster(at).0).unwrap()).collect();
        prop_assert_eq!(roots, first);
    }
}
