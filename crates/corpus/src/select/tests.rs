use super::*;
use crate::error::CorpusError;
use crate::quality::score_column;
use crate::semantic::Embeddings;
use proptest::prelude::*;

fn check(name: &str, text: &str, expected: f32) {
    let mut counts = UnigramCounts::default();
    counts.add("the cat the dog the end");
    let mut scorer = text_scorer(name, counts).unwrap();
    let found = score_column(scorer.as_mut(), &[text]).unwrap()[0];
    assert!((found - expected).abs() < 1e-4, "{name} of {text:?}: {found} for {expected}");
}

#[test]
fn scores_follow_their_formulas() {
    check("length", "Two words, 中文", 4.0);
    check("length", "", 0.0);
    check("type-token", "a b a b", 0.5);
    // Six words, four of them different: `the` has (3 + 1) / 11, a word never seen 1 / 11.
    check("rarity", "the", (11.0f32 / 4.0).ln());
    check("rarity", "the zebra", f32::midpoint((11.0f32 / 4.0).ln(), 11.0f32.ln()));
    // Six words in one sentence, with one syllable each.
    check("flesch", "The cat sat on the mat.", 206.835 - 1.015 * 6.0 - 84.6);
    // Two sentences of two words with 3, 1, 2 and 1 syllables.
    check("flesch", "Banana cake. \"Table made!\"", 206.835 - 1.015 * 2.0 - 84.6 * 7.0 / 4.0);
    check("compression", "", 1.0);
}

#[test]
fn what_repeats_compresses_better() {
    let mut scorer = text_scorer("compression", UnigramCounts::default()).unwrap();
    let (same, other) = ("abc ".repeat(5000), "The quick brown fox jumps over the lazy dog.");
    let found = score_column(scorer.as_mut(), &[&same, other]).unwrap();
    assert!(found[0] > 100.0 && found[1] < 1.2, "{found:?}");
}

#[test]
fn an_unknown_score_is_refused_with_the_names_known() {
    let error = text_scorer("rarety", UnigramCounts::default()).err().unwrap();
    insta::assert_snapshot!(error, @"no score is called `rarety`, perhaps `rarity`; known: length, rarity, compression, type-token, flesch");
    assert!(
        matches!(error, CorpusError::UnknownName { nearest: Some(name), .. } if name == "rarity")
    );
}

#[test]
fn the_best_are_taken_within_the_budget() {
    let scores = [0.1, 0.9, 0.5, 0.9];
    let top = |budget, order| select_top(&scores, &[5, 4, 3, 2], budget, order).unwrap();
    assert_eq!(top(Budget::Documents(2), Order::Descending), [1, 3]);
    assert_eq!(top(Budget::Documents(2), Order::Ascending), [0, 2]);
    assert_eq!(top(Budget::Tokens(8), Order::Descending), [1, 3]);
    assert_eq!(top(Budget::Tokens(7), Order::Ascending), [0, 3]);
    assert_eq!(top(Budget::Tokens(9), Order::Descending), [1, 2, 3]);
    assert_eq!(select_percentile(&scores, 0.25, 0.75).unwrap(), [1, 2]);
    let error = select_top(&[f32::NAN], &[], Budget::Documents(1), Order::Ascending).unwrap_err();
    insta::assert_snapshot!(error, @"score of row 0 is NaN");
}

#[test]
fn a_curriculum_orders_all_rows() {
    let scores = [3.0, 1.0, 2.0, 5.0, 4.0];
    let order = |curriculum| curriculum_order(&scores, curriculum, 1).unwrap();
    assert_eq!(order(Curriculum::Ascending), [1, 2, 0, 4, 3]);
    assert_eq!(order(Curriculum::Descending), [3, 4, 0, 2, 1]);
    assert_eq!(order(Curriculum::Sandwich), [1, 0, 3, 4, 2]);
    assert_eq!(order(Curriculum::Buckets { count: 5 }), [1, 2, 0, 4, 3]);
    let many: Vec<f32> = (0..100u8).map(f32::from).collect();
    let rows = curriculum_order(&many, Curriculum::Buckets { count: 4 }, 1).unwrap();
    for (bucket, rows) in rows.chunks(25).enumerate() {
        assert!(rows.iter().all(|row| row / 25 == bucket));
        assert!(!rows.is_sorted(), "a bucket is shuffled");
    }
}

/// Three directions: many rows near the first, some near the second, one near the third.
const ROWS: [f32; 14] =
    [1.0, 0.0, 1.0, 0.01, 1.0, 0.02, 1.0, 0.03, 0.0, 1.0, 0.01, 1.0, -1.0, -1.0];

fn diverse(diversity: Diversity, count: usize) -> Vec<usize> {
    let rows = Embeddings::new(&ROWS, 2).unwrap();
    let scores = [1.0, 0.9, 0.9, 0.9, 0.5, 0.5, -1.0];
    select_diverse(rows, &scores, &[], Budget::Documents(count), diversity, 0).unwrap()
}

#[test]
fn a_diverse_choice_takes_each_direction_once() {
    let group = |row: &usize| [0, 0, 0, 0, 1, 1, 2][*row];
    for diversity in [Diversity::KCenter, Diversity::FacilityLocation] {
        let mut groups: Vec<usize> = diverse(diversity, 3).iter().map(group).collect();
        groups.sort_unstable();
        assert_eq!(groups, [0, 1, 2], "{diversity:?}");
    }
    assert_eq!(group(&diverse(Diversity::FacilityLocation, 1)[0]), 0, "it stands for most rows");
    let marginal = |lambda| diverse(Diversity::MarginalRelevance { lambda }, 3);
    assert_eq!(marginal(1.0), [0, 1, 2]);
    assert_eq!(marginal(0.5)[0], 0);
    assert_eq!(group(&marginal(0.5)[1]), 1);
}

#[test]
fn hashed_vectors_are_near_for_texts_that_share_words() {
    let texts = ["the cat sat on the mat", "the cat sat on a mat", "quite another thing here", ""];
    let values = hashed_embeddings(texts, 512, 2).unwrap();
    let cosine = |a: usize, b: usize| -> f32 {
        values[a * 512..][..512].iter().zip(&values[b * 512..][..512]).map(|(a, b)| a * b).sum()
    };
    assert!((cosine(0, 0) - 1.0).abs() < 1e-5);
    assert!(cosine(0, 1) > 0.5 && cosine(0, 2).abs() < 0.3);
    assert_eq!(cosine(3, 3), 0.0);
}

#[test]
fn texts_like_the_target_weigh_more() {
    let target = ["the court held that the appeal fails", "the appeal to the court"];
    let raw = ["buy cheap shoes now", "the court sells shoes", "cheap appeal of shoes now"];
    let model = ImportanceModel::fit(target, raw, &ImportanceOptions::default()).unwrap();
    assert!(model.log_weight("the court held") > 0.0);
    assert!(model.log_weight("buy cheap shoes") < 0.0);
    assert_eq!(model.log_weight(""), 0.0);
}

#[test]
fn gumbel_draws_follow_the_weights() {
    let weights = [0.0f32, 2.0f32.ln(), 3.0f32.ln(), 4.0f32.ln()];
    let mut counts = [0u32; 4];
    for seed in 0..10_000 {
        counts[gumbel_top_k(&weights, 1, seed).unwrap()[0]] += 1;
    }
    for (count, expected) in counts.iter().zip([1000, 2000, 3000, 4000]) {
        // Five standard deviations of a binomial with n 10,000 are at most 245.
        assert!(count.abs_diff(expected) < 245, "{counts:?}");
    }
    assert_eq!(gumbel_top_k(&weights, 9, 0).unwrap(), [0, 1, 2, 3]);
}

proptest! {
    #[test]
    fn no_selection_exceeds_its_budget(
        rows in proptest::collection::vec((-1f32..1.0, 0u64..20), 0..40),
        tokens in 0u64..200, seed: u64,
    ) {
        let (scores, sizes): (Vec<f32>, Vec<u64>) = rows.into_iter().unzip();
        let budget = Budget::Tokens(tokens);
        let values: Vec<f32> = scores.iter().flat_map(|&score| [score, 1.0]).collect();
        let embeddings = Embeddings::new(&values, 2).unwrap();
        let mut choices = vec![select_top(&scores, &sizes, budget, Order::Descending).unwrap()];
        for diversity in [
            Diversity::KCenter,
            Diversity::FacilityLocation,
            Diversity::MarginalRelevance { lambda: 0.5 },
        ] {
            let choose = || select_diverse(embeddings, &scores, &sizes, budget, diversity, seed);
            let chosen = choose().unwrap();
            prop_assert_eq!(&chosen, &choose().unwrap());
            choices.push(chosen);
        }
        for mut chosen in choices {
            prop_assert!(chosen.iter().map(|&row| sizes[row]).sum::<u64>() <= tokens);
            let count = chosen.len();
            chosen.sort_unstable();
            chosen.dedup();
            prop_assert_eq!(chosen.len(), count);
        }
    }

    #[test]
    fn neighbouring_percentiles_share_no_row_and_leave_none_out(
        scores in proptest::collection::vec(-9f32..9.0, 0..50), cut in 0f64..1.0,
    ) {
        let mut rows = select_percentile(&scores, 0.0, cut).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 50")]
        let expected = (cut * scores.len() as f64).round() as usize;
        prop_assert_eq!(rows.len(), expected);
        rows.extend(select_percentile(&scores, cut, 1.0).unwrap());
        rows.sort_unstable();
        prop_assert_eq!(rows, (0..scores.len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_curriculum_is_a_permutation(
        scores in proptest::collection::vec(-9f32..9.0, 0..50), count in 1usize..60, seed: u64,
    ) {
        for curriculum in [Curriculum::Buckets { count }, Curriculum::Sandwich] {
            let mut rows = curriculum_order(&scores, curriculum, seed).unwrap();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..scores.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_text_has_scores(text in "\\PC{0,80}") {
        for kind in TEXT_SCORES {
            let mut scorer = text_scorer(kind.name, UnigramCounts::default()).unwrap();
            prop_assert!(score_column(scorer.as_mut(), &[&text]).is_ok(), "{}", kind.name);
        }
    }
}
