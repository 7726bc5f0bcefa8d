use super::*;
use crate::error::CorpusError;
use proptest::prelude::*;

fn source(name: &str, available: u64, weight: impl Into<Option<f64>>) -> MixSource {
    MixSource { name: name.into(), available, weight: weight.into() }
}

fn options(total: u64, max_epochs: f64) -> MixOptions {
    MixOptions { total, max_epochs, temperature: 1.0, shortfall: Shortfall::FillFromOthers }
}

fn check(sources: &[MixSource], options: &MixOptions, expected: &[u64]) {
    let plan = plan_mix(sources, options).unwrap();
    let taken: Vec<u64> = plan.rows.iter().map(|row| row.taken).collect();
    assert_eq!(taken, expected);
}

#[test]
fn shares_follow_the_weights_and_limits() {
    let sources = [source("web", 1000, 7.0), source("books", 100, 2.0), source("code", 100, 1.0)];
    check(&sources, &options(100, 1.0), &[70, 20, 10]);
    check(&sources, &options(600, 1.0), &[438, 100, 62]);
    check(&sources, &options(600, 2.0), &[420, 120, 60]);
    let less = MixOptions { shortfall: Shortfall::TakeLess, ..options(600, 1.0) };
    check(&sources, &less, &[420, 100, 60]);
    let even = [source("a", 10_000, None::<f64>), source("b", 100, None::<f64>)];
    check(&even, &MixOptions { temperature: 2.0, ..options(110, 1.0) }, &[100, 10]);
}

#[test]
fn the_plan_is_a_table() {
    let sources = [source("web", 1000, 3.0), source("books", 100, 1.0)];
    let plan = plan_mix(&sources, &options(800, 2.0)).unwrap();
    insta::assert_snapshot!(plan, @r"
    source      available          taken   epochs   share
    web              1000            600    0.600  75.00%
    books             100            200    2.000  25.00%
    ");
}

#[test]
fn what_cannot_be_mixed_is_refused_with_both_numbers() {
    let sources = [source("web", 1000, 1.0), source("books", 100, 1.0)];
    let refuse = MixOptions { shortfall: Shortfall::Refuse, ..options(400, 1.5) };
    insta::assert_snapshot!(plan_mix(&sources, &refuse).unwrap_err(), @"source `books` has 150 at 1.5 epochs at most, the mix wants 200");
    insta::assert_snapshot!(plan_mix(&sources, &options(2000, 1.0)).unwrap_err(), @"source `all together` has 1100 at 1 epochs at most, the mix wants 2000");
    let zero = [source("web", 1000, 0.0)];
    assert!(matches!(plan_mix(&zero, &options(1, 1.0)), Err(CorpusError::Config { .. })));
}

#[test]
fn an_even_order_keeps_the_shares_all_along() {
    let order: Vec<usize> = Interleave::new(&[4, 2, 1], Interleaving::Even).collect();
    assert_eq!(order, [0, 1, 0, 2, 0, 1, 0]);
}

#[test]
fn whole_rounds_draw_every_document_as_often() {
    let drawn = draw_documents(&[3, 5, 2], 25, 1);
    let count = |row| drawn.iter().filter(|&&drawn| drawn == row).count();
    assert!((0..3).all(|row| (2..=3).contains(&count(row))), "{drawn:?}");
    assert_eq!(draw_documents(&[0, 0], 5, 1), [] as [usize; 0]);
}

proptest! {
    #[test]
    fn amounts_sum_to_the_total_within_the_limits(
        sources in proptest::collection::vec((1u64..2000, 1u32..50), 1..6),
        total in 0u64..5000,
        max_epochs in 0.5f64..3.0,
    ) {
        let sources: Vec<MixSource> =
            sources.into_iter().map(|(n, w)| source("s", n, f64::from(w))).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 30000")]
        let all: u64 = sources.iter().map(|s| (s.available as f64 * max_epochs) as u64).sum();
        match plan_mix(&sources, &options(total, max_epochs)) {
            Ok(plan) => {
                prop_assert_eq!(plan.rows.iter().map(|row| row.taken).sum::<u64>(), total);
                for row in &plan.rows {
                    prop_assert!(row.taken as f64 <= row.available as f64 * max_epochs);
                }
            }
            Err(_) => prop_assert!(all < total),
        }
    }

    #[test]
    fn every_source_comes_as_often_as_its_count(
        counts in proptest::collection::vec(0u64..30, 0..6), seed: u64,
    ) {
        for interleaving in [Interleaving::Even, Interleaving::Shuffled { seed }] {
            let order: Vec<usize> = Interleave::new(&counts, interleaving).collect();
            let again: Vec<usize> = Interleave::new(&counts, interleaving).collect();
            prop_assert_eq!(&order, &again);
            for (source, &count) in counts.iter().enumerate() {
                let found = order.iter().filter(|&&one| one == source).count() as u64;
                prop_assert_eq!(found, count);
            }
        }
    }

    #[test]
    fn drawn_documents_never_exceed_the_target(
        sizes in proptest::collection::vec(0u64..50, 0..20), target in 0u64..2000, seed: u64,
    ) {
        let drawn = draw_documents(&sizes, target, seed);
        let sum: u64 = drawn.iter().map(|&row| sizes[row]).sum();
        prop_assert!(sum <= target);
    }
}
