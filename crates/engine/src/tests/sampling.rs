//! How tokens are chosen.

use super::fake::{
    EOS, FakeRunner, Rule, VOCAB_SIZE, alphabet, noise, short_answer, tokens, vocabulary,
};
use crate::{Completion, Constraint, Engine, Request, SamplingParams, SchedulerLimits, StopCause};
use catena_protocol::{Cancel, FinishReason, NoProgress};

/// Logits of a few tokens, all others impossible: `ln` of 0.5, 0.3, 0.15 and 0.05.
fn four(_history: &[u32]) -> Vec<f32> {
    let mut row_v = vec![f32::NEG_INFINITY; VOCAB_SIZE];
    for (token, share) in [(10, 0.5_f32), (11, 0.3), (12, 0.15), (13, 0.05)] {
        row_v[token] = share.ln();
    }
    row_v
}

fn run(rule: Rule, prompt: &str, params: SamplingParams) -> Completion {
    let mut engine =
        Engine::new(FakeRunner::new(32, rule), vocabulary(), SchedulerLimits::default());
    let requests = vec![Request::new(tokens(prompt), params)];
    engine.run_all(requests, &NoProgress, &Cancel::new()).expect("it runs").remove(0)
}

fn sampled(max_new_tokens: usize, seed: u64) -> SamplingParams {
    SamplingParams { temperature: 1.0, seed, ..SamplingParams::greedy(max_new_tokens) }
}

/// Shares of tokens 10 to 13 among 400 draws.
fn shares(params: &SamplingParams) -> [f64; 4] {
    let completion = run(four, "q", SamplingParams { max_new_tokens: 400, ..params.clone() });
    let count = |token| completion.tokens.iter().filter(|&&t| t == token).count() as f64 / 400.0;
    [count(10), count(11), count(12), count(13)]
}

fn assert_near(found: [f64; 4], expected: [f64; 4]) {
    for (found, expected) in found.into_iter().zip(expected) {
        // Three standard deviations of 400 draws are at most 0.075.
        let near = (found - expected).abs() <= 0.075;
        assert!(near && (expected > 0.0 || found == 0.0), "{found} is not near {expected}");
    }
}

#[test]
fn greedy_takes_the_largest_and_the_lower_id_on_a_tie() {
    let completion = run(alphabet, "z", SamplingParams::greedy(5));
    assert_eq!(completion.text, "abcde");
    assert_eq!((completion.finish_reason, completion.stop_cause), (FinishReason::Length, None));
    assert_eq!(run(|_| vec![1.0; VOCAB_SIZE], "x", SamplingParams::greedy(2)).tokens, [0, 0]);
}

#[test]
fn end_of_sequence_ends_unless_ignored() {
    let completion = run(short_answer, "x", SamplingParams::greedy(10));
    assert_eq!((completion.text.as_str(), completion.tokens.len()), ("abc", 3));
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.usage.completion_tokens, 4);
    assert_eq!(completion.stop_cause, Some(StopCause::Token { token: EOS, logprob: None }));
    let on = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(6) };
    let completion = run(short_answer, "x", on);
    assert_eq!(completion.text, "abcab");
    assert_eq!(completion.tokens[3], EOS);
}

#[test]
fn stop_strings_and_tokens_end_the_output() {
    let stop = SamplingParams { stop: vec!["de".to_owned()], ..SamplingParams::greedy(20) };
    let completion = run(alphabet, "z", stop);
    assert_eq!((completion.text.as_str(), completion.finish_reason), ("abc", FinishReason::Stop));
    assert_eq!(completion.stop_cause, Some(StopCause::Text("de".to_owned())));
    let stop =
        SamplingParams { stop_tokens: vec![100], logprobs: Some(0), ..SamplingParams::greedy(20) };
    let completion = run(alphabet, "z", stop);
    assert_eq!((completion.text.as_str(), completion.tokens.len()), ("abc", 3));
    let Some(StopCause::Token { token: 100, logprob: Some(logprob) }) = completion.stop_cause
    else {
        panic!("{:?}", completion.stop_cause)
    };
    assert!(logprob < 0.0);
    assert_eq!(completion.logprobs.len(), 3);
}

#[test]
fn held_text_comes_with_the_end() {
    let stop = SamplingParams { stop: vec!["cdX".to_owned()], ..SamplingParams::greedy(4) };
    let completion = run(alphabet, "z", stop);
    assert_eq!((completion.text.as_str(), completion.tail.as_str()), ("abcd", "cd"));
}

#[test]
fn temperature_shapes_the_distribution() {
    assert_near(shares(&sampled(1, 1)), [0.5, 0.3, 0.15, 0.05]);
    let flat = SamplingParams { temperature: 10.0, ..sampled(1, 2) };
    assert_near(shares(&flat), [0.278, 0.264, 0.246, 0.22]);
    let sharp = SamplingParams { temperature: 0.01, ..sampled(1, 3) };
    assert_near(shares(&sharp), [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn filters_keep_the_likely_tokens() {
    let top_k = SamplingParams { top_k: Some(2), ..sampled(1, 4) };
    assert_near(shares(&top_k), [0.625, 0.375, 0.0, 0.0]);
    let top_p = SamplingParams { top_p: 0.85, ..sampled(1, 5) };
    assert_near(shares(&top_p), [0.526, 0.316, 0.158, 0.0]);
    let min_p = SamplingParams { min_p: 0.2, ..sampled(1, 6) };
    assert_near(shares(&min_p), [0.526, 0.316, 0.158, 0.0]);
}

#[test]
fn a_seed_repeats_and_another_differs() {
    let first = run(noise, "seeded", sampled(40, 7)).tokens;
    assert_eq!(first, run(noise, "seeded", sampled(40, 7)).tokens);
    assert_ne!(first, run(noise, "seeded", sampled(40, 8)).tokens);
}

#[test]
fn penalties_lower_what_was_seen() {
    let twice = SamplingParams { frequency_penalty: 0.4, ..SamplingParams::greedy(4) };
    // 10 leads 11 by 0.51: it is taken twice, then 11 is ahead.
    assert_eq!(run(four, "q", twice).tokens, [10, 10, 11, 10]);
    let once = SamplingParams { presence_penalty: 2.0, ..SamplingParams::greedy(4) };
    assert_eq!(run(four, "q", once).tokens, [10, 11, 12, 10]);
    let prompt = SamplingParams { repetition_penalty: 2.0, ..SamplingParams::greedy(2) };
    // The prompt holds token 10: ln 0.5 doubled is below ln 0.3.
    assert_eq!(run(four, "\n", prompt).tokens, [11, 10]);
}

#[test]
fn logprobs_are_of_the_plain_distribution() {
    let params =
        SamplingParams { logprobs: Some(2), temperature: 0.5, ..SamplingParams::greedy(1) };
    let completion = run(four, "q", SamplingParams { max_new_tokens: 3, ..params });
    for (&token, &logprob) in completion.tokens.iter().zip(&completion.logprobs) {
        let share = [0.5_f32, 0.3, 0.15, 0.05][token as usize - 10];
        assert!((logprob - share.ln()).abs() < 1e-5);
    }
    assert_eq!(completion.logprobs.len(), 3);
}

/// Models whose scales are no numbers stopped Ollama.
#[test]
fn s27_logits_that_are_no_numbers_stop_nobody() {
    let rules: [Rule; 4] = [
        |_| vec![f32::NAN; VOCAB_SIZE],
        |_| vec![f32::INFINITY; VOCAB_SIZE],
        |_| vec![f32::NEG_INFINITY; VOCAB_SIZE],
        |_| (0..VOCAB_SIZE).map(|idx| if idx % 2 == 0 { f32::NAN } else { 1.0 }).collect(),
    ];
    let hot = SamplingParams { temperature: 1.0, ..SamplingParams::greedy(5) };
    for rule in rules {
        for params in [
            SamplingParams::greedy(5),
            hot.clone(),
            SamplingParams { top_k: Some(3), ..hot.clone() },
            SamplingParams { top_p: 0.5, ..hot.clone() },
            SamplingParams { min_p: 0.1, typical_p: 0.5, ..hot.clone() },
            SamplingParams { repetition_penalty: 1.3, logprobs: Some(5), ..hot.clone() },
        ] {
            let mut engine =
                Engine::new(FakeRunner::new(8, rule), vocabulary(), SchedulerLimits::default());
            let request = Request::new(tokens("x"), params);
            let form = request.clone().with_constraint(Constraint::Choice(vec!["ab".to_owned()]));
            let ended = engine.run_all(vec![request, form], &NoProgress, &Cancel::new());
            assert_eq!(ended.expect("it runs").len(), 2);
        }
    }
}
