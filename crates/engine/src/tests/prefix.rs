//! What requests share, and that sharing changes nothing.

use super::fake::{EOS, FakeRunner, MAX_POSITIONS, noise, tokens, vocabulary};
use crate::{
    CacheScope, Completion, Engine, EngineOptions, Request, SamplingParams, SchedulerLimits,
    Speculation,
};
use catena_protocol::{Cancel, NoProgress};
use proptest::prelude::*;

fn greedy(prompt: &str, max_new_tokens: usize) -> Request {
    let params = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(max_new_tokens) };
    Request::new(tokens(prompt), params)
}

fn engine(groups: &[(usize, Option<usize>)], options: EngineOptions) -> Engine<FakeRunner> {
    let runner = FakeRunner::with_groups(groups, noise);
    Engine::with_options(runner, vocabulary(), SchedulerLimits::default(), options)
}

fn run(engine: &mut Engine<FakeRunner>, requests: Vec<Request>) -> Vec<Completion> {
    engine.run_all(requests, &NoProgress, &Cancel::new()).expect("the jobs run")
}

fn alone(groups: &[(usize, Option<usize>)], request: &Request) -> Vec<u32> {
    let options = EngineOptions { prefix_cache: false, speculation: Speculation::Off };
    run(&mut engine(groups, options), vec![request.clone()]).remove(0).tokens
}

#[test]
fn a_second_turn_computes_only_its_own_tokens() {
    let mut engine = engine(&[(64, None)], EngineOptions::default());
    let first = greedy(&"The first question. ".repeat(5), 21);
    let answer = run(&mut engine, vec![first.clone()]).remove(0);
    assert_eq!(answer.cached_tokens, 0);
    let mut second = first.clone();
    second.prompt_tokens.extend(&answer.tokens);
    second.prompt_tokens.extend(tokens("And the second?"));
    let told = run(&mut engine, vec![second.clone()]).remove(0);
    // All but the token that was sampled last and never run.
    assert_eq!(told.cached_tokens, 100 + 21 - 1);
    assert_eq!(told.tokens, alone(&[(64, None)], &second));
    assert_eq!(engine.stats().snapshot().used_blocks, 0);
}

#[test]
fn requests_of_one_step_share_what_the_first_computes() {
    let mut engine = engine(&[(64, None)], EngineOptions::default());
    let shared = "Sixty-four characters that each of the requests begins with ....";
    let requests: Vec<Request> = (0..8).map(|n| greedy(&format!("{shared}{n}!"), 4)).collect();
    let completions = run(&mut engine, requests.clone());
    for (request, completion) in requests.iter().zip(&completions) {
        assert_eq!(completion.tokens, alone(&[(64, None)], request));
    }
    assert!(completions[1..].iter().all(|completion| completion.cached_tokens == 64));
    assert_eq!(engine.into_runner().steps[0], [66, 2, 2, 2, 2, 2, 2, 2]);
}

/// How soon an answer began told vLLM's clients what others had asked.
#[test]
fn s19_tenants_share_nothing() {
    let mut engine = engine(&[(64, None)], EngineOptions::default());
    let scope = |tenant: &str| CacheScope { tenant: Some(tenant.into()), adapter: None };
    let prompt = "A secret of forty-eight characters, more or less";
    let ask = |engine: &mut Engine<FakeRunner>, scope: CacheScope| {
        run(engine, vec![Request { scope, ..greedy(prompt, 2) }]).remove(0).cached_tokens
    };
    assert_eq!(ask(&mut engine, scope("a")), 0);
    assert_eq!(ask(&mut engine, scope("b")), 0);
    assert_eq!(ask(&mut engine, CacheScope::default()), 0);
    // Whole blocks, but for the one with the last token, which must be computed.
    assert_eq!(ask(&mut engine, scope("a")), 32);
}

#[test]
fn samples_of_one_request_share_its_prompt() {
    let mut engine = engine(&[(64, None)], EngineOptions::default());
    let params = SamplingParams { temperature: 1.0, seed: 5, n: 4, ..SamplingParams::greedy(12) };
    let request = Request::new(tokens(&"four answers to one question ".repeat(3)), params);
    let samples = run(&mut engine, vec![request.clone(), greedy("another", 3)]);
    assert_eq!(samples.len(), 5);
    for (n, sample) in samples[..4].iter().enumerate() {
        let params = request.params.of_sample(n);
        let alone = alone(&[(64, None)], &Request { params, ..request.clone() });
        assert_eq!((sample.sample, &sample.tokens), (n, &alone));
        assert_eq!(sample.cached_tokens, if n == 0 { 0 } else { 80 });
    }
    assert_ne!(samples[0].tokens, samples[1].tokens);
}

#[test]
fn scored_tokens_are_computed_again() {
    let mut engine = engine(&[(64, None)], EngineOptions::default());
    let (context, continuation) = (tokens(&"context ".repeat(6)), tokens("continuation"));
    let score = Request::score(&context, &continuation);
    let first = run(&mut engine, vec![score.clone()]).remove(0);
    let again = run(&mut engine, vec![score]).remove(0);
    assert_eq!(first.prompt_logprobs, again.prompt_logprobs);
    assert_eq!((first.cached_tokens, again.cached_tokens), (0, 32));
}

#[test]
fn without_the_cache_nothing_is_shared() {
    let options = EngineOptions { prefix_cache: false, ..EngineOptions::default() };
    let mut engine = engine(&[(64, None)], options);
    let prompt = "x".repeat(100);
    let completions = run(&mut engine, vec![greedy(&prompt, 2), greedy(&prompt, 2)]);
    assert!(completions.iter().all(|completion| completion.cached_tokens == 0));
}

#[test]
fn a_window_lets_sequences_be_longer_than_the_cache() {
    // 12 blocks hold 192 tokens; a window of 40 and steps of 64 need 8 of them.
    let limits = SchedulerLimits { max_batch_tokens: 64, ..SchedulerLimits::default() };
    let runner = FakeRunner::with_groups(&[(12, Some(40))], noise);
    let mut engine = Engine::new(runner, vocabulary(), limits);
    let long = greedy(&"0123456789".repeat(30), MAX_POSITIONS - 300);
    let completion = run(&mut engine, vec![long.clone()]).remove(0);
    assert_eq!(completion.tokens, alone(&[(200, Some(40))], &long));
    assert_eq!(engine.stats().snapshot().used_blocks, 0);
}

/// Prompts that begin alike, end differently and quote each other.
fn talk() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    proptest::collection::vec((0..4_usize, 1..90_usize, 1..40_usize), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sharing_windows_and_scarcity_change_nothing(
        talk in talk(),
        num_blocks in 24..80_usize,
        window in prop_oneof![Just(None), (1..100_usize).prop_map(Some)],
        second in any::<bool>(),
        max_batch_tokens in 1..80_usize,
    ) {
        let mut groups = vec![(num_blocks, None)];
        if second {
            groups.push((num_blocks, window));
        } else {
            groups[0].1 = window;
        }
        let limits = SchedulerLimits { max_batch_tokens, max_running: 6, max_logits_rows: 12 };
        let runner = FakeRunner::with_groups(&groups, noise);
        let mut engine = Engine::new(runner, vocabulary(), limits);
        let requests: Vec<Request> = talk
            .iter()
            .enumerate()
            .map(|(n, &(kind, len, new))| {
                let text: String =
                    (0..len).map(|i| char::from(b'a' + (i * (kind + 1) % 7) as u8)).collect();
                let params = SamplingParams {
                    temperature: if n % 3 == 0 { 0.7 } else { 0.0 },
                    seed: kind as u64,
                    ..SamplingParams::greedy(new)
                };
                Request { priority: n as i32 % 3 - 1, ..Request::new(tokens(&text), params) }
            })
            .collect();
        let completions = run(&mut engine, requests.clone());
        for (request, completion) in requests.iter().zip(&completions) {
            let expected = alone(&[(200, groups[0].1)], request);
            prop_assert_eq!(&completion.tokens, &expected);
            prop_assert!(!completion.tokens.contains(&EOS));
        }
        prop_assert_eq!(engine.stats().snapshot().used_blocks, 0);
    }
}
