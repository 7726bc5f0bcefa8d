//! Whose turn it is.

use super::fake::{FakeRunner, noise, tokens, vocabulary};
use crate::{CacheScope, Engine, Event, Request, SamplingParams, SchedulerLimits};

fn engine(max_running: usize, num_blocks: usize) -> Engine<FakeRunner> {
    let limits = SchedulerLimits { max_running, ..SchedulerLimits::default() };
    Engine::new(FakeRunner::new(num_blocks, noise), vocabulary(), limits)
}

fn request(tenant: &str, priority: i32, max_new_tokens: usize) -> Request {
    let params = SamplingParams { ignore_eos: true, ..SamplingParams::greedy(max_new_tokens) };
    let scope = CacheScope { tenant: Some(tenant.into()), adapter: None };
    Request { scope, priority, ..Request::new(tokens("ask"), params) }
}

/// Runs everything; the requests in the order in which they ended.
fn order(engine: &mut Engine<FakeRunner>) -> Vec<u64> {
    let mut order = Vec::new();
    while engine.has_work() {
        for (id, event) in engine.step().expect("it runs") {
            if matches!(event, Event::Finished(_)) {
                order.push(id.0);
            }
        }
    }
    order
}

#[test]
fn urgent_requests_go_first() {
    let mut engine = engine(1, 64);
    for priority in [5, 0, -3, 0] {
        engine.add(request("a", priority, 3)).expect("added");
    }
    assert_eq!(order(&mut engine), [2, 1, 3, 0]);
}

#[test]
fn an_urgent_request_takes_the_place_of_another() {
    let mut engine = engine(2, 64);
    engine.add(request("a", 0, 50)).expect("added");
    engine.add(request("a", 3, 50)).expect("added");
    for _ in 0..5 {
        engine.step().expect("it runs");
    }
    engine.add(request("a", -1, 3)).expect("added");
    engine.step().expect("it runs");
    let stats = engine.stats().snapshot();
    assert_eq!((stats.running, stats.waiting, stats.preemptions), (2, 1, 1));
    assert_eq!(order(&mut engine), [2, 0, 1]);
    // Equal urgency takes nobody's place.
    engine.add(request("a", 0, 5)).expect("added");
    engine.add(request("a", 0, 5)).expect("added");
    engine.step().expect("it runs");
    engine.add(request("a", 0, 2)).expect("added");
    assert_eq!(order(&mut engine), [3, 4, 5]);
}

#[test]
fn a_tenant_that_asks_much_waits_for_one_that_asks_little() {
    let mut engine = engine(1, 64);
    for _ in 0..6 {
        engine.add(request("much", 0, 10)).expect("added");
    }
    for _ in 0..2 {
        engine.add(request("little", 0, 10)).expect("added");
    }
    // Turn by turn while both ask, although the first tenant's came before.
    assert_eq!(order(&mut engine), [0, 6, 1, 7, 2, 3, 4, 5]);
}

/// Rounds until a request of `tokens` tokens ends while there is always one that is more urgent.
fn rounds_of_the_patient(tokens: usize) -> usize {
    let mut engine = engine(1, 64);
    engine.add(request("patient", 1, tokens)).expect("added");
    let mut rounds = 0;
    let mut done = false;
    while !done {
        if engine.stats().snapshot().waiting < 3 {
            engine.add(request("urgent", 0, 4)).expect("added");
        }
        done = engine
            .step()
            .expect("it runs")
            .iter()
            .any(|(id, event)| id.0 == 0 && matches!(event, Event::Finished(_)));
        rounds += 1;
        assert!(rounds < 1000, "it waits for ever");
    }
    rounds
}

#[test]
fn waiting_long_enough_beats_urgency() {
    assert!(rounds_of_the_patient(2) > 256, "it came before its time");
}

/// Once its turn has come, the next urgent request does not send it back.
#[test]
fn what_was_earned_by_waiting_is_kept_while_it_runs() {
    let rounds = rounds_of_the_patient(40);
    assert!((256..320).contains(&rounds), "{rounds} rounds for 40 tokens");
}
