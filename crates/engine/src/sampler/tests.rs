//! Each rule against its definition, transformers and llama.cpp.

use super::choose::Filter;
use super::dry::Dry;
use super::penalties::Penalties;
use super::{Sampler, SamplingState, bias, score};
use crate::logits::StepLogits;
use crate::params::{DryParams, SamplingParams, XtcParams};
use crate::vocabulary::Vocabulary;
use catena_kernels::block_maxima;
use proptest::prelude::*;
use serde_json::Value;
use std::sync::Arc;

const GOLDEN: &str = include_str!("../../tests/golden/sampling.json");

/// Tokens `a`, `b`, … of one byte, and an end of sequence.
fn letters(count: u8) -> Arc<Vocabulary> {
    let words = (0..count).map(|n| (vec![b'a' + n], false));
    let end = (b"<end>".to_vec(), true);
    Arc::new(Vocabulary::new(words.chain([end]), vec![u32::from(count)]))
}

fn state(params: &SamplingParams, prompt: &[u32], vocabulary: &Arc<Vocabulary>) -> SamplingState {
    SamplingState::new(params, prompt, None, vocabulary)
}

fn sampled() -> SamplingParams {
    SamplingParams { temperature: 1.0, ..SamplingParams::default() }
}

/// What the filters leave, with probabilities.
fn kept(row_v: &[f32], params: &SamplingParams) -> Vec<(u32, f64)> {
    let kept = Filter::default().kept(row_v, params);
    let total: f64 = kept.iter().map(|&(_, weight)| f64::from(weight)).sum();
    kept.into_iter().map(|(token, weight)| (token, f64::from(weight) / total)).collect()
}

fn floats(list: &Value) -> Vec<f32> {
    serde_json::from_value(list.clone()).expect("numbers")
}

#[test]
fn filters_leave_what_transformers_leaves() {
    let golden: Value = serde_json::from_str(GOLDEN).expect("it parses");
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt"].clone()).expect("tokens");
    for case in golden["cases"].as_array().expect("a list") {
        let row_idx = usize::try_from(case["row"].as_u64().expect("a number")).expect("small");
        let mut row_v = floats(&golden["rows"][row_idx]);
        let number = |name: &str| case["setting"][name].as_f64();
        #[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
        let or = |name: &str, base: f32| number(name).map_or(base, |value| value as f32);
        let params = SamplingParams {
            temperature: or("temperature", 1.0),
            top_k: case["setting"]["top_k"].as_u64().and_then(|k| usize::try_from(k).ok()),
            top_p: or("top_p", 1.0),
            min_p: or("min_p", 0.0),
            typical_p: or("typical_p", 1.0),
            repetition_penalty: or("repetition_penalty", 1.0),
            ..SamplingParams::default()
        };
        if let Some(penalties) = Penalties::new(&params, &prompt) {
            penalties.apply(&mut row_v, &params);
        }
        let kept = kept(&row_v, &params);
        let tokens: Vec<u32> = kept.iter().map(|&(token, _)| token).collect();
        let expected: Vec<u32> = serde_json::from_value(case["kept"].clone()).expect("tokens");
        assert_eq!(tokens, expected, "row {row_idx} with {}", case["setting"]);
        for ((_, found), expected) in kept.iter().zip(floats(&case["probabilities"])) {
            let error = (found - f64::from(expected)).abs();
            assert!(error < 1e-6, "{found}, not {expected}: {}", case["setting"]);
        }
    }
}

/// Penalties of the next token by DRY after `history`, over five letters.
fn dry(params: &DryParams, history: &[u32]) -> Vec<f32> {
    let mut row_v = vec![0.0; 6];
    Dry::new(params, history, &letters(5)).apply(&mut row_v);
    row_v.into_iter().map(|logit| -logit).collect()
}

fn plain_dry(multiplier: f32, base: f32, allowed_length: usize) -> DryParams {
    let sequence_breakers = Vec::new();
    DryParams { multiplier, base, allowed_length, last_n: None, sequence_breakers }
}

/// The cases of `tests/test-sampling.cpp` of llama.cpp, as penalties.
#[test]
fn dry_penalizes_what_llama_cpp_penalizes() {
    let none = [0.0; 6];
    assert_eq!(dry(&plain_dry(1.0, 1.1, 2), &[0, 1]), none);
    assert_eq!(dry(&plain_dry(1.0, 1.1, 2), &[0, 1, 2, 0, 1]), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let broken = DryParams { sequence_breakers: vec!["d".to_owned()], ..plain_dry(1.0, 1.1, 2) };
    assert_eq!(dry(&broken, &[0, 1, 3, 4, 0, 1]), none);
    assert_eq!(dry(&plain_dry(2.0, 1.1, 2), &[0, 1, 2, 0, 1]), [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
    assert_eq!(dry(&plain_dry(1.0, 1.1, 4), &[0, 1, 2, 3, 4, 0, 1]), none);
}

#[test]
fn dry_grows_with_the_repetition_and_stops_at_breakers() {
    // a b c c b c y a b c: `c` would be the fourth of a repetition, `b` the second, `y` the third.
    let history = [0, 1, 2, 2, 1, 2, 4, 0, 1, 2];
    assert_eq!(dry(&plain_dry(1.0, 2.0, 1), &history), [0.0, 1.0, 4.0, 0.0, 2.0, 0.0]);
    // Behind the breaker `ya` only `b c` is left to repeat.
    let breaker = vec!["ea".to_owned()];
    let broken = DryParams { sequence_breakers: breaker, ..plain_dry(1.0, 2.0, 1) };
    assert_eq!(dry(&broken, &history), [0.0, 1.0, 2.0, 0.0, 2.0, 0.0]);
    // In the last six tokens `b c` stands once more only.
    let short = DryParams { last_n: Some(6), ..plain_dry(1.0, 2.0, 1) };
    assert_eq!(dry(&short, &history), [0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    // A penalty without bound stays a number.
    let huge = dry(&plain_dry(100.0, 10.0, 1), &[0; 400]);
    assert!(huge[0] > 1e37 && huge[0].is_finite());
}

/// The longest repetition that each token would extend, by comparing everything with everything.
fn naive_dry(params: &DryParams, history: &[u32]) -> Vec<f32> {
    let mut penalties = vec![0.0_f32; 6];
    for at in 1..history.len() {
        let length = (0..at).take_while(|&k| history[at - 1 - k] == history[history.len() - 1 - k]);
        let length = length.count();
        if length >= params.allowed_length {
            let grown = params.base.powf((length - params.allowed_length) as f32);
            let penalty = &mut penalties[history[at] as usize];
            *penalty = penalty.max(params.multiplier * grown);
        }
    }
    penalties
}

proptest! {
    #[test]
    fn dry_is_its_definition(
        history in prop::collection::vec(0_u32..3, 0..60),
        allowed in 1_usize..5,
    ) {
        let params = plain_dry(0.5, 1.25, allowed);
        let expected = naive_dry(&params, &history);
        prop_assert_eq!(dry(&params, &history), expected);
    }

    /// Whatever path gathers the tokens, the kept set is that of sorting everything.
    #[test]
    fn filters_are_their_definitions(
        seed in 0_u64..1000,
        spread in 0.1_f32..8.0,
        top_k in prop::option::of(1_usize..400),
        top_p in 0.01_f32..=1.0,
        min_p in 0.0_f32..0.5,
    ) {
        let row_v = random_row(seed, 700, spread);
        let params = SamplingParams { top_k, top_p, min_p, ..sampled() };
        let found: Vec<u32> = kept(&row_v, &params).iter().map(|&(token, _)| token).collect();
        let weights = row_v.iter().map(|&v| f64::from(v).exp());
        let mut sorted: Vec<(u32, f64)> = (0..).zip(weights).collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
        sorted.truncate(top_k.unwrap_or(700));
        let total: f64 = sorted.iter().map(|&(_, weight)| weight).sum();
        let (top_p, min_p) = (f64::from(top_p), f64::from(min_p));
        let mut before = 0.0;
        let mut expected = Vec::new();
        for &(token, weight) in &sorted {
            let (reached, share) = (before / total, weight / sorted[0].1);
            before += weight;
            // Within rounding of an edge either answer is right.
            if (reached - top_p).abs() > 1e-5 && (share - min_p).abs() > 1e-5 {
                let inside = (reached < top_p || top_p == 1.0) && share >= min_p;
                prop_assert_eq!(found.contains(&token), inside, "token {}", token);
            }
            expected.push(token);
        }
        prop_assert!(found.iter().all(|token| expected.contains(token)));
        prop_assert!(found.is_sorted());
    }
}

fn random_row(seed: u64, width: usize, spread: f32) -> Vec<f32> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..width)
        .map(|_| {
            let sum: f32 = (0..4).map(|_| rng.random::<f32>() - 0.5).sum();
            sum * spread
        })
        .collect()
}

/// Draws from a whole row and from gathered candidates agree with the probabilities.
#[test]
fn draws_follow_the_distribution_on_every_path() {
    let vocabulary = letters(20);
    let row_v = random_row(5, 21, 4.0);
    let all = kept(&row_v, &sampled());
    for params in [sampled(), SamplingParams { top_k: Some(20), ..sampled() }] {
        let mut counts = [0.0; 21];
        let mut state = state(&params, &[0], &vocabulary);
        let mut sampler = Sampler::default();
        for _ in 0..4000 {
            let choice = sampler.choose(&row_v, &params, &mut state).expect("it chooses");
            counts[choice.token as usize] += 1.0 / 4000.0;
            state.advance(choice.token).expect("nothing forbids it");
        }
        for &(token, probability) in &all {
            let error: f64 = counts[token as usize] - probability;
            assert!(error.abs() < 0.035, "token {token}: {error}");
        }
    }
}

#[test]
fn a_choice_does_not_depend_on_what_was_chosen_before_with_the_same_scratch() {
    let vocabulary = letters(20);
    let mut used = Sampler::default();
    for seed in 0..200 {
        let row_v = random_row(seed, 640, 6.0);
        let params = SamplingParams {
            seed,
            top_k: (seed % 3 == 0).then_some(40),
            top_p: if seed % 2 == 0 { 0.9 } else { 1.0 },
            typical_p: if seed % 5 == 0 { 0.8 } else { 1.0 },
            xtc: (seed % 7 == 0).then_some(XtcParams { probability: 0.5, threshold: 0.1 }),
            ..sampled()
        };
        let mut state = state(&params, &[0], &vocabulary);
        let found = used.choose(&row_v, &params, &mut state).expect("it chooses");
        let fresh = Sampler::default().choose(&row_v, &params, &mut state).expect("it chooses");
        assert_eq!(found, fresh);
        let mut maxima = vec![0.0; 10];
        block_maxima(&row_v, &mut maxima);
        // As the second row of a step whose first has nothing to do with it.
        let (rows, maxima) = ([vec![9.0; 640], row_v].concat(), [vec![9.0; 10], maxima].concat());
        for params in [SamplingParams { temperature: 0.0, ..params.clone() }, params] {
            let known = StepLogits::with_maxima(&rows, &maxima).row(1, 640);
            let known = used.choose_from(known, &params, &mut state).expect("it chooses");
            let found = used.choose(&rows[640..], &params, &mut state).expect("it chooses");
            assert_eq!(known, found);
        }
    }
}

#[test]
fn xtc_leaves_the_least_likely_of_the_top() {
    let row_v: Vec<f32> = [0.4_f32, 0.3, 0.2, 0.1].iter().map(|p| p.ln()).collect();
    let with = |probability, threshold| {
        let xtc = Some(XtcParams { probability, threshold });
        let kept = kept(&row_v, &SamplingParams { xtc, ..sampled() });
        kept.into_iter().map(|(token, _)| token).collect::<Vec<u32>>()
    };
    assert_eq!(with(1.0, 0.15), [2, 3]);
    assert_eq!(with(1.0, 0.25), [1, 2, 3]);
    assert_eq!(with(1.0, 0.35), [0, 1, 2, 3]);
    assert_eq!(with(1.0, 0.05), [3]);
    assert_eq!(with(0.0, 0.05), [0, 1, 2, 3]);
}

#[test]
fn a_window_forgets_what_left_it() {
    let params = SamplingParams {
        repetition_penalty: 2.0,
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
        penalty_last_n: Some(3),
        ..SamplingParams::default()
    };
    let mut penalties = Penalties::new(&params, &[0, 1, 2, 3]).expect("asked for");
    let check = |penalties: &Penalties, expected: [f32; 5]| {
        let mut row_v = vec![1.0; 5];
        penalties.apply(&mut row_v, &params);
        assert_eq!(row_v, expected);
    };
    check(&penalties, [1.0, 0.5, 0.5, 0.5, 1.0]);
    penalties.record(3);
    check(&penalties, [1.0, 1.0, 0.5, -0.25, 1.0]);
    penalties.record(4);
    penalties.record(4);
    check(&penalties, [1.0, 1.0, 1.0, -0.25, -0.75]);
    penalties.record(4);
    check(&penalties, [1.0, 1.0, 1.0, 1.0, -1.25]);
}

#[test]
fn bias_moves_single_tokens_and_passes_over_foreign_ones() {
    let mut row_v = vec![0.0; 4];
    bias::apply(&mut row_v, &[(1, 2.5), (3, -100.0), (9, 1.0)]);
    assert_eq!(row_v, [0.0, 2.5, 0.0, -100.0]);
    let vocabulary = letters(4);
    let params = SamplingParams { logit_bias: vec![(2, 100.0)], ..sampled() };
    let mut state = state(&params, &[0], &vocabulary);
    for _ in 0..50 {
        let row_v = [9.0, 3.0, 0.0, -3.0, 1.0];
        let choice = Sampler::default().choose(&row_v, &params, &mut state).expect("it chooses");
        assert_eq!(choice.token, 2);
        state.advance(choice.token).expect("nothing forbids it");
    }
}

#[test]
fn the_end_is_held_back_until_it_may_come() {
    let vocabulary = letters(4);
    let base = SamplingParams::default();
    let params = SamplingParams { min_new_tokens: 2, stop_tokens: vec![1], ..base };
    let mut state = state(&params, &[0], &vocabulary);
    let row_v = [0.0, 5.0, 1.0, 2.0, 9.0];
    let mut chosen = Vec::new();
    for _ in 0..3 {
        let choice = Sampler::default().choose(&row_v, &params, &mut state).expect("it chooses");
        chosen.push(choice.token);
        state.advance(choice.token).expect("nothing forbids it");
    }
    assert_eq!(chosen, [3, 3, 4]);
    // Nothing else is left: better an early end than a token that the model calls impossible.
    let mut state = self::state(&params, &[0], &vocabulary);
    let only = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0];
    let choice = Sampler::default().choose(&only, &params, &mut state).expect("it chooses");
    assert_eq!(choice.token, 4);
}

#[test]
fn penalties_come_before_bias_and_filters() {
    let vocabulary = letters(4);
    let row_v = [4.0, 3.0, 0.0, -1.0, -9.0];
    // Halved first, then raised: 0 would win the other way round.
    let params = SamplingParams {
        repetition_penalty: 2.0,
        logit_bias: vec![(0, 0.5)],
        ..SamplingParams::default()
    };
    let mut state = self::state(&params, &[0], &vocabulary);
    let choice = Sampler::default().choose(&row_v, &params, &mut state).expect("it chooses");
    assert_eq!(choice.token, 1);
    // The filter sees what the penalty left: with top-k 1 the seen token cannot be drawn.
    let params = SamplingParams { top_k: Some(1), seed: 3, ..sampled() };
    let params = SamplingParams { repetition_penalty: 2.0, ..params };
    let mut state = self::state(&params, &[0], &vocabulary);
    let choice = Sampler::default().choose(&row_v, &params, &mut state).expect("it chooses");
    assert_eq!(choice.token, 1);
}

/// At temperature 2 the nucleus of 0.6 is wider than at 1: the filter sees the tempered row.
#[test]
fn temperature_comes_before_the_filters() {
    let row_v: Vec<f32> = [0.7_f32, 0.2, 0.1].iter().map(|p| p.ln()).collect();
    let count =
        |temperature| kept(&row_v, &SamplingParams { temperature, top_p: 0.6, ..sampled() }).len();
    assert_eq!((count(1.0), count(2.0)), (1, 2));
}

#[test]
fn logprobs_and_alternatives_are_those_of_sorting() {
    for seed in 0..20 {
        let row_v = random_row(seed, 1000, 20.0);
        let total: f64 = row_v.iter().map(|&v| f64::from(v).exp()).sum();
        let (logprob, top) = score(&row_v, 77, 7);
        assert!((f64::from(logprob) - (f64::from(row_v[77]) - total.ln())).abs() < 1e-4);
        let mut sorted: Vec<usize> = (0..1000).collect();
        sorted.sort_by(|&a, &b| row_v[b].total_cmp(&row_v[a]));
        let tokens: Vec<usize> = top.iter().map(|other| other.token as usize).collect();
        assert_eq!(tokens, sorted[..7]);
        assert_eq!(score(&row_v, 77, 0).1, []);
    }
}

#[test]
fn samples_of_a_request_have_seeds_of_their_own() {
    let params = SamplingParams { n: 4, seed: 9, ..sampled() };
    let seeds: Vec<u64> = (0..4).map(|idx| params.of_sample(idx).seed).collect();
    assert_eq!(seeds[0], 9);
    assert!((1..4).all(|idx| !seeds[..idx].contains(&seeds[idx])));
    assert_eq!(params.of_sample(2), params.of_sample(2));
    assert_eq!(params.of_sample(1).n, 1);
}
