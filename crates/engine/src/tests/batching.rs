//! An output does not depend on what runs beside it.

use super::fake::{FakeRunner, Rule, almost_refrain, noise, short_answer, tokens, vocabulary};
use crate::{Completion, Constraint, Engine, Request, SamplingParams, SchedulerLimits};
use catena_protocol::{Cancel, NoProgress};
use proptest::prelude::*;

fn run(requests: Vec<Request>, num_blocks: usize, limits: SchedulerLimits) -> Vec<Completion> {
    let mut engine = Engine::new(FakeRunner::new(num_blocks, noise), vocabulary(), limits);
    let completions = engine.run_all(requests, &NoProgress, &Cancel::new()).expect("it runs");
    assert_eq!(engine.stats().snapshot().used_blocks, 0, "every block comes back");
    completions
}

/// Sixteen requests of every kind.
fn mixed() -> Vec<Request> {
    (0..16_usize)
        .map(|idx| {
            let prompt = tokens(&"A question of some length? ".repeat(1 + idx % 5)[idx..]);
            let params = SamplingParams {
                temperature: if idx % 2 == 0 { 0.0 } else { 0.8 },
                top_p: if idx % 3 == 0 { 0.9 } else { 1.0 },
                repetition_penalty: if idx % 4 == 1 { 1.2 } else { 1.0 },
                seed: idx as u64,
                logprobs: (idx % 5 == 0).then_some(3),
                ..SamplingParams::greedy(20 + 3 * idx)
            };
            let request = Request::new(prompt, params);
            match idx % 8 {
                6 => request.with_constraint(Constraint::Regex("[a-z ]{5,60}".to_owned())),
                7 => request.with_constraint(Constraint::JsonObject),
                _ => request,
            }
        })
        .collect()
}

/// What must be equal; the identity differs by design.
fn essence(completions: &[Completion]) -> Vec<(&[u32], &str, &[f32])> {
    completions.iter().map(|c| (&c.tokens[..], c.text.as_str(), &c.logprobs[..])).collect()
}

#[test]
fn alone_equals_a_batch_of_sixteen() {
    let together = run(mixed(), 200, SchedulerLimits::default());
    let alone: Vec<Completion> = mixed()
        .into_iter()
        .flat_map(|request| run(vec![request], 200, SchedulerLimits::default()))
        .collect();
    assert_eq!(essence(&together), essence(&alone));
}

#[test]
fn choices_that_threads_share_are_the_same() {
    for rule in [noise as Rule, almost_refrain] {
        let run = |runner: FakeRunner| {
            let mut engine = Engine::new(runner, vocabulary(), SchedulerLimits::default());
            engine.run_all(mixed(), &NoProgress, &Cancel::new()).expect("it runs")
        };
        let (one, three) = (FakeRunner::new(200, rule), FakeRunner::new(200, rule));
        assert_eq!(essence(&run(three.with_threads(3))), essence(&run(one)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn limits_and_preemption_change_nothing(
        num_blocks in 14..60_usize,
        max_batch_tokens in 1..80_usize,
        max_running in 1..17_usize,
        max_logits_rows in 1..20_usize,
    ) {
        let limits = SchedulerLimits { max_batch_tokens, max_running, max_logits_rows };
        let plenty = run(mixed(), 200, SchedulerLimits::default());
        let scarce = run(mixed(), num_blocks, limits);
        prop_assert_eq!(essence(&plenty), essence(&scarce));
    }
}

#[test]
fn scarce_blocks_do_preempt() {
    let limits = SchedulerLimits::default();
    let mut engine = Engine::new(FakeRunner::new(14, noise), vocabulary(), limits);
    engine.run_all(mixed(), &NoProgress, &Cancel::new()).expect("it runs");
    assert!(engine.stats().snapshot().preemptions > 0);
}

#[test]
fn long_prompts_are_cut_and_do_not_stop_the_others() {
    let limits = SchedulerLimits { max_batch_tokens: 32, ..SchedulerLimits::default() };
    let mut engine = Engine::new(FakeRunner::new(64, short_answer), vocabulary(), limits);
    let on = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(6) };
    engine.add(Request::new(tokens("short"), on.clone())).expect("added");
    engine.add(Request::new(tokens(&"long ".repeat(20)), on)).expect("added");
    while engine.has_work() {
        engine.step().expect("it runs");
    }
    let steps = engine.into_runner().steps;
    // First step: the short prompt and the first chunk; then one decode row and the next chunk.
    assert_eq!(steps[..4], [vec![5, 27], vec![1, 31], vec![1, 31], vec![1, 11]]);
    assert!(steps.iter().all(|step| step.iter().sum::<usize>() <= 32));
}

#[test]
fn a_prompt_is_read_in_small_pieces_beside_those_who_wait_for_their_next_token() {
    let limits = SchedulerLimits::default();
    let mut engine = Engine::new(FakeRunner::new(256, short_answer), vocabulary(), limits);
    let on = |tokens| SamplingParams { ignore_eos: true, ..SamplingParams::greedy(tokens) };
    let prompt = tokens(&"long ".repeat(60));
    engine.add(Request::new(prompt.clone(), on(1))).expect("added");
    engine.step().expect("it runs");
    engine.add(Request::new(tokens("short"), on(20))).expect("added");
    engine.step().expect("it runs");
    // Another beginning, so that nothing of it is known.
    let other = [tokens("o"), prompt].concat();
    engine.add(Request::new(other, on(1))).expect("added");
    while engine.has_work() {
        engine.step().expect("it runs");
    }
    let steps = engine.into_runner().steps;
    let expected =
        [vec![300], vec![5], vec![1, 64], vec![1, 64], vec![1, 64], vec![1, 64], vec![1, 45]];
    assert_eq!(steps[..7], expected);
}

#[test]
fn first_come_first_served() {
    let limits = SchedulerLimits { max_running: 1, ..SchedulerLimits::default() };
    let mut engine = Engine::new(FakeRunner::new(64, short_answer), vocabulary(), limits);
    let mut order = Vec::new();
    let requests = (1..6).map(|n| Request::new(tokens("x"), SamplingParams::greedy(n))).collect();
    engine
        .run_each(requests, &NoProgress, &Cancel::new(), |index, _| order.push(index))
        .expect("it runs");
    assert_eq!(order, [0, 1, 2, 3, 4]);
}
