//! The engine on its thread.

use super::fake::{FakeRunner, Gate, alphabet, noise, short_answer, tokens, vocabulary};
use crate::{Engine, EngineError, EngineHandle, Event, Request, SamplingParams, SchedulerLimits};
use catena_protocol::FinishReason;
use std::sync::mpsc::Sender;

/// A handle whose model makes a step for each message of the sender.
fn gated(max_waiting: usize) -> (EngineHandle, Sender<Gate>) {
    let (runner, gate) = FakeRunner::gated(8, alphabet);
    let limits = SchedulerLimits { max_running: 1, ..SchedulerLimits::default() };
    let engine = Engine::new(runner, vocabulary(), limits);
    (EngineHandle::spawn(engine, max_waiting).expect("it starts"), gate)
}

fn request(max_new_tokens: usize) -> Request {
    Request::new(tokens("z"), SamplingParams::greedy(max_new_tokens))
}

#[test]
fn events_come_per_token_and_end_with_the_completion() {
    let engine =
        Engine::new(FakeRunner::new(8, short_answer), vocabulary(), SchedulerLimits::default());
    let handle = EngineHandle::spawn(engine, 4).expect("it starts");
    let mut text = String::new();
    let mut completion = None;
    for event in handle.submit(request(10)).expect("there is room") {
        match event {
            Event::Token(token) => text.push_str(&token.text),
            Event::Finished(done) => completion = Some(done),
            Event::Failed(reason) => panic!("{reason}"),
        }
    }
    let completion = completion.expect("it ended");
    assert_eq!((text.as_str(), completion.text.as_str()), ("abc", "abc"));
    assert_eq!(handle.generate(request(2)).expect("it runs").text, "ab");
}

#[test]
fn dropping_the_events_cancels_within_a_step() {
    let (handle, gate) = gated(4);
    let mut events = handle.submit(request(100)).expect("there is room");
    gate.send(Gate::Run).expect("it waits");
    assert!(matches!(events.next(), Some(Event::Token(_))));
    drop(events);
    // One more step may have begun already. Without the cancellation a hundred would be needed.
    gate.send(Gate::Run).expect("it waits");
    drop(gate);
    handle.shutdown(true);
    let stats = handle.stats();
    assert!(stats.steps <= 2, "{} steps", stats.steps);
    assert_eq!((stats.used_blocks, stats.running), (0, 0));
}

#[test]
fn overload_is_an_answer() {
    let (handle, gate) = gated(1);
    let first = handle.submit(request(1)).expect("it runs");
    let second = handle.submit(request(1)).expect("it waits");
    let refused = handle.submit(request(1)).err().expect("no room");
    assert!(matches!(refused, EngineError::QueueFull { in_flight: 2, limit: 2 }));
    for _ in 0..2 {
        gate.send(Gate::Run).expect("it waits");
    }
    assert_eq!(first.count() + second.count(), 4);
    gate.send(Gate::Run).expect("it waits");
    assert_eq!(handle.generate(request(1)).expect("there is room again").text, "a");
}

#[test]
fn bad_requests_are_refused_before_they_queue() {
    let (handle, _gate) = gated(0);
    let refused = handle.submit(Request::new(vec![], SamplingParams::greedy(1))).err();
    assert!(matches!(refused, Some(EngineError::EmptyPrompt)));
}

#[test]
fn draining_ends_what_runs_and_refuses_what_comes() {
    let (handle, gate) = gated(4);
    let running = handle.submit(request(3)).expect("there is room");
    for _ in 0..3 {
        gate.send(Gate::Run).expect("it waits");
    }
    handle.shutdown(true);
    assert!(matches!(handle.submit(request(1)).err(), Some(EngineError::Stopped)));
    let last = running.last().expect("it ended");
    assert!(matches!(last, Event::Finished(done) if done.finish_reason == FinishReason::Length));
    assert!(!handle.stats().alive);
}

#[test]
fn stopping_at_once_cancels_what_runs() {
    let (handle, gate) = gated(4);
    let mut running = handle.submit(request(100)).expect("there is room");
    gate.send(Gate::Run).expect("it waits");
    assert!(matches!(running.next(), Some(Event::Token(_))));
    let stopper = {
        let handle = handle.clone();
        std::thread::spawn(move || handle.shutdown(false))
    };
    // Steps until the message is read; then the gate's receiver is gone.
    while gate.send(Gate::Run).is_ok() {
        std::thread::yield_now();
    }
    stopper.join().expect("it stops");
    let last = running.last().expect("it was told");
    assert!(matches!(last, Event::Finished(done) if done.finish_reason != FinishReason::Stop));
}

#[test]
fn a_failed_step_fails_its_requests_only() {
    let (handle, gate) = gated(4);
    gate.send(Gate::Fail).expect("it waits");
    let failed = handle.generate(request(1)).expect_err("the step fails");
    assert_eq!(
        failed.to_string(),
        "the request failed: the model cannot run the batch: the gate is closed"
    );
    gate.send(Gate::Run).expect("it waits");
    assert_eq!(handle.generate(request(1)).expect("it goes on").text, "a");
}

#[test]
fn a_panicking_model_is_reported_not_waited_for() {
    let (handle, gate) = gated(4);
    gate.send(Gate::Panic).expect("it waits");
    assert!(matches!(handle.generate(request(1)), Err(EngineError::Stopped)));
    handle.shutdown(false);
    assert!(!handle.stats().alive);
}

#[test]
fn every_sample_of_a_request_is_told() {
    let limits = SchedulerLimits::default();
    let engine = Engine::new(FakeRunner::new(64, noise), vocabulary(), limits);
    let handle = EngineHandle::spawn(engine, 4).expect("a thread");
    let params = SamplingParams { temperature: 1.0, n: 3, ..SamplingParams::greedy(5) };
    let request = Request::new(tokens("three of them"), params);
    let mut ended = [false; 3];
    let mut told = [0; 3];
    for event in handle.submit(request.clone()).expect("submitted") {
        match event {
            Event::Token(token) => told[token.sample] += 1,
            Event::Finished(done) => ended[done.sample] = true,
            Event::Failed(reason) => panic!("{reason}"),
        }
    }
    assert_eq!((ended, told), ([true; 3], [5; 3]));
    assert_eq!(handle.generate(request).expect("it runs").sample, 0);
}
