//! Batches on the account of the key that made them.

use crate::locked::{Locked, code, locked, locked_with, told};
use crate::support::{LONG, wait_for};
use camino::{Utf8Path, Utf8PathBuf};
use catena_serve::keys::{KeyLimits, NewKey};
use catena_serve::{AuditLog, Observers, Settings};
use serde_json::{Value, json};
use std::time::Instant;
use tempfile::TempDir;

fn keep(locked: &Locked) -> TempDir {
    let temporary = TempDir::new().expect("a folder");
    let folder = Utf8Path::from_path(temporary.path()).expect("UTF-8");
    locked.server.app.keep_files(folder).expect("a folder");
    temporary
}

/// Lines for `model` that take `max_tokens` each.
fn lines(model: &str, count: usize, max_tokens: usize) -> String {
    let line = |idx: usize| {
        let body =
            json!({"model": model, "prompt": "x", "max_tokens": max_tokens, "ignore_eos": true});
        json!({"custom_id": idx.to_string(), "method": "POST", "url": "/v1/completions", "body": body})
            .to_string()
    };
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

fn create(locked: &Locked, key: &str, text: &str) -> crate::support::Answer {
    let file = locked.upload(key, text).json();
    let body = json!({"input_file_id": file["id"], "endpoint": "/v1/completions",
                      "completion_window": "24h"});
    locked.ask(key, "POST", "/v1/batches", &body.to_string())
}

/// The path of a batch of a key.
fn batch(locked: &Locked, key: &str, text: &str) -> String {
    let made = create(locked, key, text);
    assert_eq!(made.status, 200, "{}", made.text);
    format!("/v1/batches/{}", made.json()["id"].as_str().expect("an id"))
}

/// Asks until the batch is as it should be; limits may refuse to say so for a while.
fn until(locked: &Locked, key: &str, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = locked.ask(key, "GET", path, "");
        if answer.status == 200 && done(&answer.json()) {
            return answer.json();
        }
        assert!(begun.elapsed() < LONG, "{}", answer.text);
        std::thread::yield_now();
    }
}

#[test]
fn a_batch_asks_for_nothing_that_its_key_may_not() {
    let locked = locked(&[
        NewKey { models: vec!["bank".to_owned()], ..NewKey::default() },
        NewKey {
            routes: vec!["/v1/files*".to_owned(), "/v1/batches*".to_owned()],
            ..NewKey::default()
        },
    ]);
    let _folder = keep(&locked);
    for key in &locked.keys {
        let answer = create(&locked, key, &lines("bank-model", 1, 1));
        assert_eq!(code(&answer), told(403, "not_allowed"), "{}", answer.text);
    }
}

/// Its lines wait until their key may ask again; none fails.
#[test]
fn a_batch_waits_for_its_keys_tokens() {
    let limits = KeyLimits { tokens_per_minute: Some(700), ..KeyLimits::default() };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
    let _folder = keep(&locked);
    let key = &locked.keys[0];
    let path = batch(&locked, key, &lines("bank-model", 3, 500));
    let first = until(&locked, key, &path, |batch| batch["request_counts"]["completed"] == 1);
    assert_eq!(
        (&first["status"], &first["request_counts"]["failed"]),
        (&json!("in_progress"), &json!(0))
    );
    let left = locked.ask(key, "GET", "/v1/models", "");
    let left = left.header("x-ratelimit-remaining-tokens").expect("told").parse::<u32>();
    assert!(left.expect("a number") < 400, "the line was charged to its key");
    // With a larger limit they go on.
    let mut records = locked.file.read().expect("it reads").expect("keys");
    records[0].limits.tokens_per_minute = Some(1_000_000);
    locked.ring.replace(records);
    let ended = until(&locked, key, &path, |batch| batch["status"] == "completed");
    assert_eq!(ended["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
}

#[test]
fn a_batch_keeps_within_its_keys_places() {
    let limits = KeyLimits { max_concurrent: Some(2), ..KeyLimits::default() };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
    let _folder = keep(&locked);
    let key = &locked.keys[0];
    let path = batch(&locked, key, &lines("bank-model", 6, 100));
    let most = std::cell::Cell::new(0);
    let ended = until(&locked, key, &path, |batch| {
        let stats = locked.server.engine.stats();
        most.set(most.get().max(stats.running + stats.waiting));
        batch["status"] == "completed"
    });
    assert_eq!(ended["request_counts"], json!({"total": 6, "completed": 6, "failed": 0}));
    assert!(most.get() <= 2, "{most:?} at once");
}

#[test]
fn lines_of_a_batch_are_in_the_audit_log_and_end_with_their_key() {
    let temporary = TempDir::new().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(temporary.path().join("audit.jsonl")).expect("plain");
    let audit = AuditLog::open(&path).expect("it opens");
    let observers = Observers { audit: Some(audit), ..Observers::default() };
    let locked = locked_with(&[NewKey::default()], Settings::default(), observers);
    let _folder = keep(&locked);
    let key = &locked.keys[0];
    let made = batch(&locked, key, &lines("bank-model", 2, 3));
    until(&locked, key, &made, |batch| batch["status"] == "completed");
    let told = || {
        let text = std::fs::read_to_string(&path).expect("a log");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["route"] == "/v1/completions (batch)").collect::<Vec<_>>()
    };
    wait_for("both lines", || told().len() == 2);
    for line in told() {
        assert_eq!((&line["completion_tokens"], &line["status"]), (&json!(3), &json!(200)));
        assert!(key.contains(line["key"].as_str().expect("an identity")));
    }
}

/// A key that was revoked asks for nothing more.
#[test]
fn lines_of_a_revoked_key_fail() {
    let limits = KeyLimits { tokens_per_minute: Some(700), ..KeyLimits::default() };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
    let folder = keep(&locked);
    let key = &locked.keys[0];
    let path = batch(&locked, key, &lines("bank-model", 3, 500));
    until(&locked, key, &path, |batch| batch["request_counts"]["completed"] == 1);
    locked.ring.replace(Vec::new());
    let id = path.rsplit('/').next().expect("an id");
    let record = folder.path().join(format!("batches/{id}.json"));
    let read = || -> Value {
        let text = std::fs::read_to_string(&record).expect("a record");
        serde_json::from_str(&text).expect("JSON")
    };
    wait_for("its end", || read()["status"] == "completed");
    assert_eq!(read()["request_counts"], json!({"total": 3, "completed": 1, "failed": 2}));
}
