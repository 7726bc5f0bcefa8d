//! Clients and machines that misbehave: the server stays up, and other streams are untouched.

use crate::support::{
    ANSWER, LONG, POISON, Start, open, read_until, start, start_gated, start_with, wait_for,
};
use crate::wire::{CHAT, chat, is_up, raw};
use axum::Router;
use axum::routing::get;
use camino::{Utf8Path, Utf8PathBuf};
use catena_knowledge::{Embedder, KnowledgeError};
use catena_serve::{
    AuditLog, ConnectionLimits, LoadError, LoadedModel, ModelSource, Observers, ServeLimits,
    ServedModel, Settings,
};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_body_of_100_mb_is_refused_unread() {
    let server = start();
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\r\n");
    let begun = Instant::now();
    let answer = raw(&server, [head.into_bytes()]);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("body_too_large") && begun.elapsed() < Duration::from_secs(5));
    // Without a length it is read up to the limit.
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let pieces = std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(chunk, 1600));
    let answer = raw(&server, pieces);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    is_up(&server);
}

#[test]
fn a_million_values_and_deep_json_are_refused() {
    // Within the limit on bytes, so that the limits on counts are what is met.
    let server = start_with(Start { max_body_bytes: Some(16 << 20), ..Start::default() });
    let values = "0,".repeat(1_000_000);
    let fields = "\"a\":0,".repeat(1_000_000);
    for body in [
        format!("{{\"model\": \"bank-model\", \"prompt\": [{values}0]}}"),
        format!("{{\"model\": \"bank-model\", \"prompt\": [[{values}0]]}}"),
        format!("{{{fields}\"model\": \"bank-model\"}}"),
        format!("{{\"model\": {}", "[".repeat(60_000)),
        "{\"a\":".repeat(10_000),
    ] {
        for path in [CHAT, "/v1/completions", "/embed", "/api/chat"] {
            let answer = server.post_text(path, &body);
            assert!([400, 422].contains(&answer.status), "{path}: {}", answer.status);
            assert!(answer.text.contains("the request body has more than"), "{}", answer.text);
        }
    }
    is_up(&server);
}

#[test]
fn a_body_that_never_comes_is_given_up() {
    let limits = ServeLimits { body_timeout: Duration::from_millis(200), ..ServeLimits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let server = start_with(Start { settings, ..Start::default() });
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{{");
    let answer = raw(&server, [head.into_bytes()]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_too_slow"), "{answer}");
    is_up(&server);
}

#[test]
fn a_handler_that_panics_loses_its_own_request() {
    async fn panics() -> &'static str {
        panic!("injected")
    }
    let more = Router::new().route("/panics", get(panics));
    let server = start_with(Start { more, ..Start::default() });
    let answer = server.get("/panics");
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (500, &json!("internal_error")));
    assert!(!answer.text.contains("injected"), "{}", answer.text);
    is_up(&server);
}

#[test]
fn a_worker_that_panics_loses_its_own_request() {
    let server = start();
    // More often than there are workers.
    for _ in 0..8 {
        let body = json!({"model": "bank-embedder", "input": POISON});
        let answer = server.post("/v1/embeddings", &body);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (500, &json!("internal_error")));
        assert!(!answer.text.contains("injected"), "{}", answer.text);
    }
    let body = json!({"model": "bank-embedder", "input": "a text"});
    assert_eq!(server.post("/v1/embeddings", &body).status, 200);
    is_up(&server);
}

/// A client that asks for much and takes nothing: it holds no thread, and is let go.
#[test]
fn a_reader_that_takes_nothing_is_let_go() {
    const READERS: usize = 6;
    let temporary = tempfile::TempDir::new().expect("a folder");
    let connections = ConnectionLimits {
        write_timeout: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let server = start_with(Start { connections, ..Start::default() });
    server.app.keep_files(Utf8Path::from_path(temporary.path()).expect("UTF-8")).expect("a folder");
    // More than the system keeps for a connection.
    let text = "row\n".repeat(10 << 20);
    let file = server.upload("user_data", "rows.txt", &text).json();
    let path = format!("/v1/files/{}/content", file["id"].as_str().expect("an id"));
    let mut readers: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("a connection");
            let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("it is sent");
            stream
        })
        .collect();
    is_up(&server);
    let ended = "catena_http_requests_total{route=\"/v1/files/{id}/content\"";
    wait_for("the first end", || server.get("/metrics").text.contains(ended));
    wait_for("all ends", || server.metric(ended) >= READERS as f64);
    for reader in &mut readers {
        let mut taken = Vec::new();
        // What was on its way may still come, or the end is all there is.
        let _ = reader.read_to_end(&mut taken);
        assert!(taken.len() < text.len(), "it got all of it");
    }
    assert_eq!(server.get(&path).text.len(), text.len());
}

/// An embedder that begins when it may.
#[derive(Default)]
struct Held {
    begun: AtomicUsize,
    may_go_on: AtomicBool,
}

impl Embedder for Held {
    fn identity(&self) -> &'static str {
        "held"
    }

    fn dim(&self) -> usize {
        1
    }

    fn max_tokens(&self) -> usize {
        8
    }

    fn count_tokens(&self, _text: &str) -> usize {
        1
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        wait_for("the end of the wait", || self.may_go_on.load(Ordering::SeqCst));
        Ok(vec![vec![1.0]; texts.len()])
    }

    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        self.embed(texts)
    }

    fn embed_tokens(&self, _texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError> {
        Ok(Vec::new())
    }
}

/// A flood of texts to embed: as many are read at once as there are workers, also if their clients
/// have gone; as many wait as may, the others are told to come again; and chats are answered beside.
#[test]
fn a_flood_of_texts_is_bounded_and_holds_up_no_chat() {
    let limits = ServeLimits { workers: 1, max_queued: 1, ..ServeLimits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let server = start_with(Start { settings, ..Start::default() });
    let held = Arc::new(Held::default());
    server.app.declare("held", Arc::new(Unread), Some(loaded(held.clone())), true);
    let body = json!({"model": "held", "input": "a text"}).to_string();
    let head = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut gone = TcpStream::connect(server.address).expect("a connection");
    gone.write_all(head.as_bytes()).expect("it is sent");
    wait_for("the first", || held.begun.load(Ordering::SeqCst) == 1);
    drop(gone);
    wait_for("its end", || server.get("/metrics").text.contains("status=\"499\""));
    let ask = || server.post_text("/v1/embeddings", &body);
    std::thread::scope(|scope| {
        let waits = scope.spawn(ask);
        wait_for("one that waits", || server.metric("catena_work_waiting{kind=\"long\"}") == 1.0);
        assert_eq!(held.begun.load(Ordering::SeqCst), 1, "the first is still being read");
        let refused = ask();
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (429, &json!("queue_full")));
        assert_eq!(refused.header("retry-after"), Some("1"));
        is_up(&server);
        held.may_go_on.store(true, Ordering::SeqCst);
        assert_eq!(waits.join().expect("it is asked").status, 200);
    });
    // What waits for too long is refused too.
    held.may_go_on.store(false, Ordering::SeqCst);
    let limits = ServeLimits { max_wait: Duration::ZERO, ..limits };
    server.app.reload(Settings { limits, ..Settings::default() });
    std::thread::scope(|scope| {
        let runs = scope.spawn(ask);
        wait_for("the third", || held.begun.load(Ordering::SeqCst) == 3);
        let refused = ask();
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("overloaded")));
        assert_eq!(refused.header("retry-after"), Some("1"));
        held.may_go_on.store(true, Ordering::SeqCst);
        assert_eq!(runs.join().expect("it is asked").status, 200);
    });
}

/// Files that are never read: the model is in memory.
struct Unread;

impl ModelSource for Unread {
    fn bytes(&self) -> u64 {
        0
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        Err("it is in memory".into())
    }
}

fn loaded(embedder: Arc<dyn Embedder>) -> LoadedModel {
    LoadedModel { model: ServedModel::Embedder(embedder), bytes: 0 }
}

#[test]
fn a_stream_goes_on_through_the_faults_of_others() {
    let server = start_gated(8, LONG);
    let mut stream = open(&server, &chat());
    server.step();
    read_until(&mut stream, "\"content\":\"A\"");
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 104857600\r\n\r\n");
    assert!(raw(&server, [head.into_bytes()]).starts_with("HTTP/1.1 413"));
    assert_eq!(server.post_text(CHAT, &"[".repeat(60_000)).status, 400);
    let poison = json!({"model": "bank-embedder", "input": POISON});
    assert_eq!(server.post("/v1/embeddings", &poison).status, 500);
    let mut bad = chat();
    bad["structured_outputs"] = json!({"regex": "("});
    assert_eq!(server.post(CHAT, &bad).status, 400);
    drop(open(&server, &chat()));
    let half = TcpStream::connect(server.address).expect("a connection");
    let gate = server.gate.clone().expect("gated");
    let stepper = std::thread::spawn(move || while gate.send(()).is_ok() {});
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the rest");
    let text: String = rest
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, ANSWER[1..]);
    drop((half, server));
    stepper.join().expect("it ends with the model");
}

#[test]
fn a_slow_reader_does_not_hold_up_others() {
    let server = start_gated(8, LONG);
    let mut body = chat();
    body["ignore_eos"] = json!(true);
    body["max_tokens"] = json!(300);
    let mut slow = open(&server, &body);
    server.step();
    read_until(&mut slow, "\"content\":\"A\"");
    // It reads no more. Its answer is made nevertheless, and then others are answered.
    let gate = server.gate.clone().expect("gated");
    let stepper = std::thread::spawn(move || while gate.send(()).is_ok() {});
    is_up(&server);
    let mut rest = String::new();
    slow.read_to_string(&mut rest).expect("what was kept for it");
    assert!(rest.contains("[DONE]"));
    drop(server);
    stepper.join().expect("it ends with the model");
}

#[test]
fn a_half_open_connection_is_closed() {
    let connections = ConnectionLimits {
        header_timeout: Duration::from_millis(200),
        ..ConnectionLimits::default()
    };
    let server = start_with(Start { connections, ..Start::default() });
    // Connects and says nothing; and asks once, then says nothing.
    assert_eq!(raw(&server, []), "");
    let answer = raw(&server, [b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn more_connections_than_places_wait_and_are_served() {
    let connections = ConnectionLimits {
        max_connections: 2,
        header_timeout: Duration::from_millis(200),
        ..ConnectionLimits::default()
    };
    let server = start_with(Start { connections, ..Start::default() });
    let idle: Vec<_> =
        (0..8).map(|_| TcpStream::connect(server.address).expect("a connection")).collect();
    assert_eq!(server.get("/livez").status, 200);
    drop(idle);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_for_logs_delays_nobody() {
    // Every write to it fails with "no space left on device".
    let audit = AuditLog::open(&Utf8PathBuf::from("/dev/full")).expect("it opens");
    let observers = Observers { audit: Some(audit.clone()), ..Observers::default() };
    let server = start_with(Start { observers, ..Start::default() });
    is_up(&server);
    wait_for("the count of lost lines", || audit.lost() == 1);
    is_up(&server);
}

#[test]
fn a_hopeless_request_is_refused_at_once() {
    let server = start_gated(64, LONG);
    let limits = ServeLimits { max_wait: Duration::ZERO, ..ServeLimits::default() };
    server.app.reload(Settings { limits, ..Settings::default() });
    let mut body = chat();
    body["max_tokens"] = json!(1);
    // Four that end give a pace, two more run and wait.
    let _streams: Vec<_> = (0..6).map(|_| open(&server, &body)).collect();
    // All of them before the first ends: after a pause the pace is measured anew.
    let begun = "catena_generations_running{model_name=\"bank-model\"}";
    wait_for("the queue", || server.metric(begun) >= 6.0);
    for _ in 0..4 {
        server.step();
    }
    let ended =
        "catena_request_success_total{model_name=\"bank-model\",finished_reason=\"length\"}";
    wait_for("the ends", || server.metric(ended) >= 4.0);
    wait_for("one that waits", || server.engine.stats().waiting >= 1);
    let answer = server.post(CHAT, &body);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("overloaded")));
    assert!(answer.header("retry-after").is_some());
}
