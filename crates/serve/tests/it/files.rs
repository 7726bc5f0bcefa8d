//! Files and batches.

use crate::support::{ANSWER, Server, start, start_gated};
use camino::Utf8PathBuf;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

fn folder(temporary: &TempDir) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(temporary.path().to_owned()).expect("UTF-8")
}

/// A server that keeps files.
fn with_files(temporary: &TempDir) -> Server {
    let server = start();
    server.app.keep_files(&folder(temporary)).expect("a folder");
    server
}

fn wait_for(server: &Server, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let object = server.get(path).json();
        if done(&object) {
            return object;
        }
        assert!(begun.elapsed() < LONG, "{object}");
        std::thread::yield_now();
    }
}

fn line(id: &str, max_tokens: i64) -> String {
    let body = json!({"model": "bank-model", "max_tokens": max_tokens,
                      "messages": [{"role": "user", "content": "Fee?"}]});
    json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body})
        .to_string()
}

/// The path of a batch of `lines`.
fn batch(server: &Server, lines: &[String]) -> String {
    let file = server.upload("batch", "lines.jsonl", &lines.join("\n")).json();
    let body = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions",
                      "completion_window": "24h", "metadata": {"a": "b"}});
    let made = server.post("/v1/batches", &body);
    assert_eq!(made.status, 200, "{}", made.text);
    format!("/v1/batches/{}", made.json()["id"].as_str().expect("an id"))
}

fn rows(server: &Server, file: &Value) -> Vec<Value> {
    let text = server.get(&format!("/v1/files/{}/content", file.as_str().expect("a file"))).text;
    text.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect()
}

#[test]
fn files_come_back_as_they_were_also_after_a_restart() {
    let temporary = TempDir::new().expect("a folder");
    let text = "row\n".repeat(50_000);
    let server = with_files(&temporary);
    let sent = server.upload("user_data", "rows.txt", &text);
    assert_eq!(sent.status, 200, "{}", sent.text);
    let file = sent.json();
    assert_eq!((&file["bytes"], &file["filename"]), (&json!(text.len()), &json!("rows.txt")));
    let path = format!("/v1/files/{}", file["id"].as_str().expect("an id"));
    assert_eq!(server.get(&format!("{path}/content")).text, text);
    drop(server);
    let server = with_files(&temporary);
    assert_eq!(server.get(&path).json(), file);
    assert_eq!(server.get("/v1/files?purpose=user_data").json()["data"], json!([file]));
    assert_eq!(server.get("/v1/files?purpose=batch").json()["data"], json!([]));
    assert_eq!(server.delete(&path).json()["deleted"], true);
    assert_eq!(server.get(&path).status, 404);
    let left = std::fs::read_dir(temporary.path().join("files")).expect("a folder").count();
    assert_eq!(left, 0, "the bytes are gone");
}

#[test]
fn what_is_no_file_is_refused() {
    let temporary = TempDir::new().expect("a folder");
    let server = with_files(&temporary);
    let told =
        |answer: crate::support::Answer| (answer.status, answer.json()["error"]["code"].clone());
    assert_eq!(told(server.upload("fun", "x", "x")), (400, json!("invalid_value")));
    assert_eq!(told(server.post("/v1/files", &json!({}))), (400, json!("invalid_json")));
    for path in ["/v1/files/..%2F..%2Fetc", "/v1/files/nothing", "/v1/files/nothing/content"] {
        assert_eq!(told(server.get(path)), (404, json!("not_found")), "{path}");
    }
    assert_eq!(std::fs::read_dir(temporary.path().join("files")).expect("a folder").count(), 0);
    // Without a folder there are none.
    assert_eq!(told(start().upload("batch", "x", "x")), (501, json!("no_files")));
}

#[test]
fn a_batch_answers_its_lines_good_and_bad() {
    let temporary = TempDir::new().expect("a folder");
    let server = with_files(&temporary);
    let lines = [line("a", 6), line("b", -1), line("c", 100)];
    let path = batch(&server, &lines);
    let ended = wait_for(&server, &path, |batch| batch["status"] == "completed");
    assert_eq!(ended["request_counts"], json!({"total": 3, "completed": 2, "failed": 1}));
    let mut answers = rows(&server, &ended["output_file_id"]);
    answers.sort_by_key(|answer| answer["custom_id"].to_string());
    let said =
        |answer: &Value| answer["response"]["body"]["choices"][0]["message"]["content"].clone();
    assert_eq!((&answers[0]["custom_id"], said(&answers[0])), (&json!("a"), json!(ANSWER[..6])));
    assert_eq!((&answers[1]["custom_id"], said(&answers[1])), (&json!("c"), json!(ANSWER)));
    let errors = rows(&server, &ended["error_file_id"]);
    assert_eq!(
        (&errors[0]["custom_id"], &errors[0]["response"]["status_code"]),
        (&json!("b"), &json!(400))
    );
    assert_eq!(server.get("/v1/batches").json()["data"][0]["id"], ended["id"]);
    let left = || std::fs::read_dir(temporary.path().join("batches")).expect("a folder").count();
    let begun = Instant::now();
    while left() > 1 {
        assert!(begun.elapsed() < LONG, "more than the record is left");
        std::thread::yield_now();
    }
}

#[test]
fn a_batch_of_wrong_lines_says_which() {
    let temporary = TempDir::new().expect("a folder");
    let server = with_files(&temporary);
    let other = line("b", 5).replace("/v1/chat/completions", "/v1/completions");
    let lines =
        [line("a", 5), other, line("a", 5), "{".to_owned(), line("c", 5).replace("POST", "GET")];
    let failed = wait_for(&server, &batch(&server, &lines), |batch| batch["status"] == "failed");
    let told = failed["errors"]["data"].as_array().expect("errors").iter();
    let told: Vec<(u64, &str)> = told
        .map(|error| {
            (error["line"].as_u64().expect("a line"), error["code"].as_str().expect("a code"))
        })
        .collect();
    let expected = [
        (2, "mismatched_url"),
        (3, "duplicate_custom_id"),
        (4, "invalid_json_line"),
        (5, "invalid_method"),
    ];
    assert_eq!(told, expected);
    for (field, value) in
        [("endpoint", "/v1/other"), ("completion_window", "1h"), ("input_file_id", "none")]
    {
        let mut body = json!({"input_file_id": failed["input_file_id"], "endpoint": "/v1/completions",
                              "completion_window": "24h"});
        body[field] = json!(value);
        let status = server.post("/v1/batches", &body).status;
        assert_eq!(status, if field == "input_file_id" { 404 } else { 400 });
    }
}

#[test]
fn a_batch_goes_on_after_a_restart_and_can_be_cancelled() {
    let temporary = TempDir::new().expect("a folder");
    let mut server = start_gated(8, LONG);
    server.app.keep_files(&folder(&temporary)).expect("a folder");
    let path = batch(&server, &[line("a", 1), line("b", 1), line("c", 1)]);
    server.step();
    wait_for(&server, &path, |batch| batch["request_counts"]["completed"] == 1);
    server.ask_to_end();
    let begun = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(begun.elapsed() < LONG, "it listens on");
        std::thread::yield_now();
    }
    drop(server);
    // A line that was being written when the server ended is written again.
    let part = std::fs::read_dir(temporary.path().join("batches")).expect("a folder");
    let part = part.map(|entry| entry.expect("a file").path());
    let part = part.into_iter().find(|path| path.extension().is_some_and(|end| end == "output"));
    let part = part.expect("what was answered is there");
    let answered = std::fs::read_to_string(&part).expect("text");
    std::fs::write(&part, format!("{answered}{{\"custom_id\": \"b\", \"resp"))
        .expect("it is written");
    let server = with_files(&temporary);
    let ended = wait_for(&server, &path, |batch| batch["status"] == "completed");
    let mut ids: Vec<String> = rows(&server, &ended["output_file_id"])
        .iter()
        .map(|row| row["custom_id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).json()["status"], "completed");

    let temporary = TempDir::new().expect("a folder");
    let server = start_gated(8, LONG);
    server.app.keep_files(&folder(&temporary)).expect("a folder");
    let path = batch(&server, &[line("a", 400)]);
    server.step();
    wait_for(&server, &path, |batch| batch["status"] == "in_progress");
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).json()["status"], "cancelling");
    let ended = wait_for(&server, &path, |batch| batch["status"] == "cancelled");
    assert_eq!((&ended["output_file_id"], &ended["error_file_id"]), (&Value::Null, &Value::Null));
    server.step();
    let begun = Instant::now();
    while server.engine.stats().running > 0 {
        assert!(begun.elapsed() < LONG, "it runs on");
        std::thread::yield_now();
    }
}
