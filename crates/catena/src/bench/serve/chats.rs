//! Many chats at once for minutes: whether all answers come, how evenly, and whether the memory stays
//! what it is.

use super::client::{Client, at_once};
use super::target::Target;
use crate::bench::cells::{Named, Samples, percentile};
use crate::bench::engine::PASSAGE;
use crate::models::BoxError;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Chats at once.
pub(super) const CHATS: usize = 64;
/// Turns of a conversation, words that a user says in one, and the most tokens of an answer.
const TURNS: usize = 4;
const WORDS: usize = 40;
const ANSWER: usize = 96;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The part of the time in which buffers and pages still come into use.
const WARM_UP: f64 = 0.25;

const PREFIX: &str = "serve/64chats";

/// The names of its cells.
pub(super) fn cells() -> Vec<Named> {
    let name = |figure: &str| format!("{PREFIX}/{figure}");
    vec![
        Named::more(&name("throughput"), "tok/s"),
        Named::less(&name("ttft_p50"), "ms"),
        Named::less(&name("ttft_p99"), "ms"),
        Named::less(&name("itl_p50"), "ms"),
        Named::less(&name("itl_p99"), "ms"),
        Named::less(&name("itl_p99_by_p50"), "ratio"),
        Named::less(&name("memory"), "MiB"),
        Named::less(&name("memory_growth"), "%"),
    ]
}

/// What one chat saw.
#[derive(Default)]
struct Seen {
    tokens: usize,
    firsts: Vec<f64>,
    gaps: Vec<f64>,
}

/// Chats for so long. An answer that does not come whole ends the measurement.
pub(super) fn round(
    target: &Target,
    lasting: Duration,
    samples: &mut Samples,
) -> Result<(), BoxError> {
    let until = Instant::now() + lasting;
    let done = AtomicBool::new(false);
    let (seen, memory) = thread::scope(|scope| {
        let memory = scope.spawn(|| watch_memory(target, lasting.mul_f64(WARM_UP), &done));
        let seen = at_once(CHATS, |user| chat(target, user, until));
        done.store(true, Ordering::Release);
        (seen, memory.join().expect("watching does not panic"))
    });
    let mut all = Seen::default();
    for one in seen? {
        all.tokens += one.tokens;
        all.firsts.extend(one.firsts);
        all.gaps.extend(one.gaps);
    }
    let mut push = |figure: &str, value: f64| samples.push(&format!("{PREFIX}/{figure}"), value);
    push("throughput", all.tokens as f64 / lasting.as_secs_f64());
    push("ttft_p50", percentile(&all.firsts, 50));
    push("ttft_p99", percentile(&all.firsts, 99));
    let (p50, p99) = (percentile(&all.gaps, 50), percentile(&all.gaps, 99));
    push("itl_p50", p50);
    push("itl_p99", p99);
    push("itl_p99_by_p50", p99 / p50);
    if let Some((least, most)) = memory {
        push("memory", most as f64 / f64::from(1 << 20));
        push("memory_growth", 100.0 * (most - least) as f64 / least as f64);
    }
    Ok(())
}

/// One user: conversation after conversation until the time is over.
fn chat(target: &Target, user: usize, until: Instant) -> Result<Seen, BoxError> {
    let client = Client::new(&target.url);
    let words: Vec<&str> = PASSAGE.split_whitespace().collect();
    let mut seen = Seen::default();
    let mut place = user * 7;
    while Instant::now() < until {
        let mut messages: Vec<Value> = Vec::new();
        for _ in 0..TURNS {
            let said = words.iter().cycle().skip(place % words.len()).take(WORDS);
            let said = said.copied().collect::<Vec<_>>().join(" ");
            // Another place every time, and no two users at the same one.
            place += 64 * 11 + user;
            messages.push(json!({"role": "user", "content": said}));
            let answer = client.streamed(
                "/v1/chat/completions",
                &json!({
                    "model": target.model, "messages": messages, "temperature": 0.8, "top_p": 0.95,
                    "max_tokens": ANSWER, "seed": place, "ignore_eos": true, "stream": true,
                    "stream_options": {"include_usage": true},
                }),
            )?;
            if Instant::now() >= until {
                break;
            }
            seen.tokens += answer.tokens;
            seen.firsts.push(answer.until_first());
            seen.gaps.extend(answer.gaps());
            messages.push(json!({"role": "assistant", "content": answer.text}));
        }
    }
    Ok(seen)
}

/// The least and the most resident memory once it is warm.
fn watch_memory(target: &Target, warm_up: Duration, done: &AtomicBool) -> Option<(u64, u64)> {
    let warm = Instant::now() + warm_up;
    let mut range = None;
    while !done.load(Ordering::Acquire) {
        if Instant::now() >= warm {
            let bytes = target.resident_bytes()?;
            let (least, most) = range.unwrap_or((bytes, bytes));
            range = Some((bytes.min(least), bytes.max(most)));
        }
        thread::sleep(LOOK);
    }
    range
}
