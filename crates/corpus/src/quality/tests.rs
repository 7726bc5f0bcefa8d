use super::*;
use crate::error::CorpusError;

fn kept(rule: ScoreRule, score: f32) -> usize {
    rule.check().unwrap();
    (0..20_000).filter(|id| rule.keeps(&format!("doc{id}"), score)).count()
}

#[test]
fn bounds_include_their_ends() {
    let cases = [
        (ScoreRule::AtLeast(0.5), [false, true, true]),
        (ScoreRule::AtMost(0.5), [true, true, false]),
        (ScoreRule::Between { low: 0.5, high: 0.6 }, [false, true, false]),
    ];
    for (rule, expected) in cases {
        assert_eq!([0.4, 0.5, 0.7].map(|score| rule.keeps("a", score)), expected, "{rule:?}");
        assert!(!rule.keeps("a", f32::NAN));
    }
}

#[test]
fn a_pareto_draw_keeps_the_share_that_the_formula_gives() {
    for (alpha, score) in [(9.0, 0.9f32), (9.0, 0.5), (3.0, 0.0)] {
        let share = (2.0 - f64::from(score)).powf(-alpha);
        let found = kept(ScoreRule::Pareto { alpha, seed: 1 }, score) as f64 / 20_000.0;
        // Five standard deviations of a share of 20,000 draws are at most 0.018.
        assert!((found - share).abs() < 0.018, "alpha {alpha}, {score}: {found} for {share}");
    }
    assert_eq!(kept(ScoreRule::Pareto { alpha: 9.0, seed: 1 }, 1.0), 20_000);
    let draw = |seed| ScoreRule::Pareto { alpha: 3.0, seed }.keeps("doc", 0.7);
    assert_eq!(draw(4), draw(4));
    assert!((0..50).any(|seed| draw(seed) != draw(0)), "the seed changes the draws");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bad = ScoreRule::Pareto { alpha: 0.0, seed: 0 };
    insta::assert_snapshot!(bad.check().unwrap_err(), @"`alpha` is 0, expected above 0");
    let bad = ScoreRule::Between { low: 1.0, high: 0.5 };
    insta::assert_snapshot!(bad.check().unwrap_err(), @"`low` is 1, expected at most `high`");
}

#[test]
fn a_score_that_is_no_number_is_told_with_its_row() {
    struct Broken;
    impl DocumentScorer for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn score(&mut self, _: &[&str], scores: &mut [f32]) -> Result<(), CorpusError> {
            scores[1] = f32::NAN;
            Ok(())
        }
    }
    let error = score_column(&mut Broken, &["a", "b"]).unwrap_err();
    insta::assert_snapshot!(error, @"score of row 1 is NaN");
}
