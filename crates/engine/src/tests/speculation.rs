//! Guesses change how many steps a text takes, and nothing else.

use super::fake::{FakeRunner, alphabet, noise, tokens, vocabulary};
use crate::{
    Completion, Constraint, Engine, EngineOptions, EngineSnapshot, Request, SamplingParams,
    SchedulerLimits, Speculation,
};
use catena_protocol::{Cancel, NoProgress};

fn run(
    speculation: Speculation,
    rule: super::fake::Rule,
    requests: Vec<Request>,
) -> (Vec<Completion>, EngineSnapshot) {
    let options = EngineOptions { speculation, ..EngineOptions::default() };
    let runner = FakeRunner::new(200, rule);
    let limits = SchedulerLimits::default();
    let mut engine = Engine::with_options(runner, vocabulary(), limits, options);
    let completions = engine.run_all(requests, &NoProgress, &Cancel::new()).expect("the jobs run");
    let stats = engine.stats().snapshot();
    (completions, stats)
}

fn essence(completions: &[Completion]) -> Vec<(&[u32], &str, &[f32], usize)> {
    let essence = |c: &'_ Completion| c.usage.completion_tokens;
    completions.iter().map(|c| (&c.tokens[..], &c.text[..], &c.logprobs[..], essence(c))).collect()
}

#[test]
fn a_text_that_repeats_takes_fewer_steps() {
    let prompt = "abcdefghijklmnopqrstuvwxyzabc";
    let request = || vec![Request::new(tokens(prompt), SamplingParams::greedy(80))];
    let (plain, slow) = run(Speculation::Off, alphabet, request());
    let (guessed, fast) = run(Speculation::Ngram, alphabet, request());
    assert_eq!(essence(&plain), essence(&guessed));
    assert_eq!((slow.steps, slow.guessed_tokens), (80, 0));
    assert!(fast.steps <= 12, "{} steps", fast.steps);
    assert!(fast.accepted_tokens >= 68 && fast.accepted_tokens <= fast.guessed_tokens);
    assert_eq!(fast.used_blocks, 0);
}

#[test]
fn every_kind_of_request_gets_the_same_text() {
    let requests = || -> Vec<Request> {
        let kind = |n: u64| {
            let params = SamplingParams {
                temperature: if n.is_multiple_of(2) { 0.0 } else { 0.9 },
                top_p: 0.8,
                seed: n,
                repetition_penalty: if n.is_multiple_of(3) { 1.3 } else { 1.0 },
                frequency_penalty: 0.1,
                stop: vec!["qq".to_owned()],
                logprobs: Some(2),
                ..SamplingParams::greedy(60)
            };
            let request = Request::new(tokens(&"say it again, ".repeat(4)), params);
            match n % 4 {
                1 => request.with_constraint(Constraint::Regex("[a-c]{1,50}".to_owned())),
                3 => request.with_constraint(Constraint::JsonObject),
                _ => request,
            }
        };
        (0..12).map(kind).collect()
    };
    for rule in [noise as super::fake::Rule, alphabet] {
        let (plain, _) = run(Speculation::Off, rule, requests());
        let (guessed, stats) = run(Speculation::Ngram, rule, requests());
        assert_eq!(essence(&plain), essence(&guessed));
        assert!(stats.guessed_tokens > 0);
    }
}

#[test]
fn guesses_stop_at_the_token_limit() {
    let prompt = "abcdefghijklmnopqrstuvwxyzabcdefgh";
    for max_new_tokens in 1..20 {
        let request = Request::new(tokens(prompt), SamplingParams::greedy(max_new_tokens));
        let (completions, _) = run(Speculation::Ngram, alphabet, vec![request]);
        assert_eq!(completions[0].tokens.len(), max_new_tokens);
    }
}
