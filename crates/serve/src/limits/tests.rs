//! Budgets, paces and shapes, with times of our own.

use super::json::{MAX_DEPTH, MAX_ITEMS, TooComplex, read_shape};
use super::{Admission, Exhausted, Limiter};
use crate::keys::KeyLimits;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn requests_come_back_evenly() {
    let limits = KeyLimits { requests_per_minute: Some(6), ..KeyLimits::default() };
    let limiter = Arc::new(Limiter::new(limits));
    let now = Instant::now();
    for _ in 0..6 {
        limiter.begin(now).expect("within the limit");
    }
    let Err(Exhausted { what, limit, retry_after }) = limiter.begin(now) else {
        panic!("a seventh request")
    };
    assert_eq!((what, limit), ("requests per minute", 6));
    assert!((retry_after.as_secs_f64() - 10.0).abs() < 0.1, "{retry_after:?}");
    limiter.begin(now + seconds(9.0)).expect_err("too early");
    limiter.begin(now + seconds(10.1)).expect("one has come back");
    limiter.begin(now + seconds(10.2)).expect_err("only one");
    let (requests, tokens) = limiter.allowances(now + seconds(40.2));
    let requests = requests.expect("limited");
    assert_eq!((requests.limit, requests.remaining), (6, 3));
    assert!((requests.reset.as_secs_f64() - 30.0).abs() < 1.0, "{:?}", requests.reset);
    assert_eq!(tokens, None);
}

#[test]
fn requests_at_once_are_counted_while_they_run() {
    let limits = KeyLimits { max_concurrent: Some(2), ..KeyLimits::default() };
    let limiter = Arc::new(Limiter::new(limits));
    let now = Instant::now();
    let first = limiter.begin(now).expect("one");
    let _second = limiter.begin(now).expect("two");
    let refused = limiter.begin(now).expect_err("three");
    assert_eq!((refused.what, refused.limit), ("requests at once", 2));
    drop(first);
    let _third = limiter.begin(now).expect("a place is free");
}

#[test]
fn a_refused_request_costs_nothing() {
    let limits =
        KeyLimits { max_concurrent: Some(1), requests_per_minute: Some(2), ..KeyLimits::default() };
    let limiter = Arc::new(Limiter::new(limits));
    let now = Instant::now();
    let first = limiter.begin(now).expect("one");
    for _ in 0..10 {
        limiter.begin(now).expect_err("one runs");
    }
    drop(first);
    let _second = limiter.begin(now).expect("the second of two");
}

#[test]
fn tokens_are_set_aside_and_settled() {
    let limits = KeyLimits { tokens_per_minute: Some(600), ..KeyLimits::default() };
    let limiter = Limiter::new(limits);
    let now = Instant::now();
    limiter.reserve(400, now).expect("within");
    let refused = limiter.reserve(400, now).expect_err("200 are left");
    assert!((refused.retry_after.as_secs_f64() - 20.0).abs() < 0.1);
    limiter.settle(400, 100, now);
    limiter.reserve(400, now).expect("300 came back");
    // More than a minute allows: it needs a whole minute's tokens, and is not refused for ever.
    limiter.reserve(10_000, now).expect_err("not now");
    limiter.reserve(10_000, now + seconds(61.0)).expect("a full budget");
    // What was used beyond is paid back first.
    limiter.settle(0, 1200, now + seconds(61.0));
    limiter.reserve(1, now + seconds(61.0 + 119.0)).expect_err("still in debt");
    limiter.reserve(1, now + seconds(61.0 + 181.0)).expect("paid back");
}

#[test]
fn other_limits_keep_what_was_used() {
    let limiter = Arc::new(Limiter::new(KeyLimits::default()));
    let now = Instant::now();
    limiter.set(KeyLimits { requests_per_minute: Some(2), ..KeyLimits::default() });
    limiter.begin(now).expect("one");
    limiter.set(KeyLimits { requests_per_minute: Some(1), ..KeyLimits::default() });
    limiter.begin(now).expect_err("one was used");
    limiter.set(KeyLimits::default());
    limiter.begin(now).expect("no limit");
}

#[test]
fn a_key_of_no_requests_is_told_a_finite_wait() {
    let limits = KeyLimits { requests_per_minute: Some(0), ..KeyLimits::default() };
    let refused = Arc::new(Limiter::new(limits)).begin(Instant::now()).expect_err("none");
    assert_eq!(refused.retry_after, Duration::from_hours(24));
}

#[test]
fn the_wait_is_told_by_the_pace() {
    let admission = Admission::default();
    let begin = Instant::now();
    for _ in 0..6 {
        admission.began(begin);
    }
    assert_eq!(admission.expected_wait(5, begin), None, "no pace is known");
    for end in 1..=4 {
        admission.ended(Some(begin + seconds(f64::from(end))));
    }
    let wait = admission.expected_wait(10, begin + seconds(4.0)).expect("a pace");
    assert!((wait.as_secs_f64() - 10.0).abs() < 1e-6, "{wait:?}");
    // Nothing ends any more.
    let wait = admission.expected_wait(10, begin + seconds(40.0)).expect("a pace");
    assert!((wait.as_secs_f64() - 100.0).abs() < 1e-6, "{wait:?}");
    assert_eq!(admission.expected_wait(0, begin + seconds(40.0)), None);
    // A pause is no slowness.
    admission.ended(Some(begin + seconds(41.0)));
    admission.ended(Some(begin + seconds(42.0)));
    admission.began(begin + seconds(4000.0));
    assert_eq!(admission.expected_wait(10, begin + seconds(4000.0)), None);
}

fn model(text: &str) -> Option<&str> {
    read_shape(text.as_bytes()).expect("simple").model.map(|range| &text[range])
}

#[test]
fn the_outermost_model_is_found() {
    assert_eq!(model(r#"{"model": "a", "x": {"model": "b"}}"#), Some(r#""a""#));
    assert_eq!(model(r#"{"x": [{"model": "b"}], "model"  :  "a\"b"}"#), Some(r#""a\"b""#));
    assert_eq!(model(r#"{"model": 7, "x": "y"}"#), None);
    assert_eq!(model(r#"{"model": {"x": "y"}}"#), None);
    assert_eq!(model(r#"{"x": "model", "y": "z"}"#), None);
    assert_eq!(model(r#"["model", "x"]"#), None);
    assert_eq!(model("\"model"), None);
    assert_eq!(model("}}}}:,\\"), None);
}

#[test]
fn depth_and_counts_are_limited() {
    let deep = |levels: usize| read_shape("[".repeat(levels).as_bytes());
    assert!(deep(MAX_DEPTH).is_ok());
    assert_eq!(deep(MAX_DEPTH + 1), Err(TooComplex::Depth));
    assert_eq!(deep(1_000_000), Err(TooComplex::Depth));
    let wide = |items: usize| read_shape(format!("[{}1]", "1,".repeat(items - 1)).as_bytes());
    assert!(wide(MAX_ITEMS as usize).is_ok());
    assert_eq!(wide(MAX_ITEMS as usize + 1), Err(TooComplex::Items));
    // Commas and brackets in texts are no structure.
    let text = format!("{{\"a\": \"{}\"}}", "[,\\\"".repeat(300_000));
    assert!(read_shape(text.as_bytes()).is_ok());
}
