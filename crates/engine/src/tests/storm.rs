//! A million steps of everything at once.

use super::adapters::packed_adapters;
use super::fake::{FakeRunner, MAX_POSITIONS, almost_refrain, refrain, tokens, vocabulary};
use crate::{
    Adapter, AdapterId, CacheScope, Constraint, Engine, EngineOptions, Event, Request, RequestId,
    SamplingParams, SchedulerLimits, Speculation,
};
use catena_protocol::{Cancel, FinishReason, NoProgress};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::HashMap;
use std::sync::Arc;

const STEPS: usize = 1_000_000;
/// Different requests that come again and again.
const KINDS: u64 = 400;
/// Requests in flight at most.
const CROWD: usize = 40;
const SCHEMA: &str = r#"{"type": "object", "properties": {"a": {"type": "string", "maxLength": 9},
    "b": {"enum": [1, 22, "abc"]}}, "required": ["a", "b"], "additionalProperties": false}"#;
/// Longest stay of a request: far above what arrivals in turn would give, far below for ever.
const LONGEST_STAY: usize = 20_000;

/// Which of `count` adapters request number `kind` asks for.
fn adapter_of(kind: u64, count: usize) -> Option<usize> {
    usize::try_from(kind).ok().filter(|kind| kind.is_multiple_of(2)).map(|kind| kind / 2 % count)
}

/// Request number `kind`: its length, form, urgency and tenant follow from the number.
fn request(kind: u64, adapters: &[AdapterId]) -> Request {
    let mut rng = StdRng::seed_from_u64(kind);
    let shared = ["You are kind. ", "You are brief, and you answer in one word only. ", ""];
    let mut prompt = tokens(shared[rng.random_range(0..3)]);
    let most = [10, 60, 250][rng.random_range(0..3)];
    for _ in 0..rng.random_range(1..=most) {
        prompt.push(rng.random_range(97..104));
    }
    let longest = MAX_POSITIONS - prompt.len();
    let params = SamplingParams {
        temperature: if rng.random_bool(0.5) { 0.0 } else { 0.8 },
        top_k: rng.random_bool(0.3).then_some(20),
        seed: kind,
        presence_penalty: if rng.random_bool(0.2) { 0.5 } else { 0.0 },
        stop: if rng.random_bool(0.2) { vec!["zz".to_owned()] } else { vec![] },
        ..SamplingParams::greedy(rng.random_range(1..=longest.min(60)))
    };
    let tenant = ["a", "b", "c"][rng.random_range(0..3)];
    let adapter = adapter_of(kind, adapters.len()).map(|idx| adapters[idx]);
    let request = Request {
        scope: CacheScope { tenant: Some(tenant.into()), adapter },
        priority: rng.random_range(-2..=2),
        ..Request::new(prompt, params)
    };
    match rng.random_range(0..20) {
        0 => request.with_constraint(Constraint::Regex("[a-m ]{1,40}".to_owned())),
        1 => request.with_constraint(Constraint::JsonSchema(
            serde_json::from_str(SCHEMA).expect("it is JSON"),
        )),
        _ => request,
    }
}

/// What the request gives alone, without cache or guesses.
fn alone(kind: u64, adapters: &[Arc<Adapter>]) -> (Vec<u32>, String, FinishReason) {
    let options = EngineOptions { prefix_cache: false, speculation: Speculation::Off };
    let runner = FakeRunner::new(MAX_POSITIONS, refrain).with_adapters();
    let mut engine =
        Engine::with_options(runner, vocabulary(), SchedulerLimits::default(), options);
    let load = |adapter: &Arc<Adapter>| engine.load_adapter(adapter.clone()).expect("it fits");
    let ids: Vec<AdapterId> = adapters.iter().map(load).collect();
    let done = engine.run_all(vec![request(kind, &ids)], &NoProgress, &Cancel::new());
    let done = done.expect("it runs alone").remove(0);
    (done.tokens, done.text, done.finish_reason)
}

#[test]
fn a_million_steps_leak_nothing_starve_nobody_and_change_no_text() {
    let limits = SchedulerLimits { max_batch_tokens: 96, max_running: 16, max_logits_rows: 48 };
    // Scarce enough that sequences give way, with a second group that sees a window.
    let runner = FakeRunner::with_groups(&[(70, None), (70, Some(50))], refrain);
    let runner = runner.with_adapters();
    let draft = FakeRunner::draft(60, almost_refrain, 0.01);
    let engine = Engine::new(runner, vocabulary(), limits).with_draft(draft, &vocabulary());
    let mut engine = engine.expect("both have the same tokens");
    let adapters = packed_adapters();
    let load = |adapter: &Arc<Adapter>| engine.load_adapter(adapter.clone()).expect("it fits");
    let mut ids: Vec<AdapterId> = adapters.iter().map(load).collect();
    let mut rng = StdRng::seed_from_u64(20_261_125);
    let mut expected = HashMap::new();
    let mut in_flight: Vec<(RequestId, u64, usize)> = Vec::new();
    let (mut finished, mut cancelled) = (0_u64, 0_u64);
    for step in 0..STEPS {
        if in_flight.len() < CROWD && rng.random_bool(0.4) {
            let kind = rng.random_range(0..KINDS);
            let request = request(kind, &ids);
            in_flight.push((engine.add(request).expect("it is sound"), kind, step));
        }
        if rng.random_bool(0.001) {
            // The adapter is loaded anew while sequences still run with the old one.
            let idx = rng.random_range(0..ids.len());
            engine.drop_adapter(ids[idx]).expect("it is loaded");
            ids[idx] = engine.load_adapter(adapters[idx].clone()).expect("it fits");
        }
        if rng.random_bool(0.01) && !in_flight.is_empty() {
            let (id, ..) = in_flight.swap_remove(rng.random_range(0..in_flight.len()));
            assert!(engine.cancel(id).len() == 1, "{id:?} is in flight");
            cancelled += 1;
        }
        for (id, event) in engine.step().expect("it runs") {
            let Event::Finished(done) = event else { continue };
            let idx = in_flight.iter().position(|flight| flight.0 == id).expect("in flight");
            let (_, kind, arrived) = in_flight.swap_remove(idx);
            let stay = step - arrived;
            assert!(stay < LONGEST_STAY, "request {kind} stayed {stay} steps");
            let expected = expected.entry(kind).or_insert_with(|| alone(kind, &adapters));
            assert_eq!(
                (&done.tokens, &done.text, &done.finish_reason),
                (&expected.0, &expected.1, &expected.2)
            );
            finished += 1;
        }
    }
    let stats = engine.stats().snapshot();
    assert!(in_flight.iter().all(|flight| STEPS - flight.2 < LONGEST_STAY));
    assert_eq!(engine.cancel_all().len(), in_flight.len());
    assert_eq!(engine.stats().snapshot().used_blocks, 0, "blocks leaked");
    assert_eq!(engine.num_adapters(), ids.len(), "an adapter that nobody uses stayed");
    // It was a storm: everything happened, and often.
    assert!(finished > 50_000 && cancelled > 5_000, "{finished} finished, {cancelled} cancelled");
    assert!(stats.preemptions > 1_000, "{} preemptions", stats.preemptions);
    assert!(stats.cached_tokens > stats.prompt_tokens / 10, "{stats:?}");
    assert!(stats.accepted_tokens > 1_000, "{stats:?}");
}
