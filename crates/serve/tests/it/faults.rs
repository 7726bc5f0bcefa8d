//! Clients and machines that misbehave: the server stays up, and other streams are untouched.

use crate::support::{
    ANSWER, LONG, Server, Start, open, read_until, start, start_gated, start_with, wait_for,
};
use axum::Router;
use axum::routing::get;
use camino::Utf8PathBuf;
use catena_serve::{AuditLog, ConnectionLimits, Observers, ServeLimits, Settings};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CHAT: &str = "/v1/chat/completions";

fn chat() -> Value {
    json!({"model": "bank-model", "messages": [{"role": "user", "content": "x"}], "stream": true})
}

/// What the server answers to raw bytes, up to the connection's end.
fn raw(server: &Server, pieces: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    for piece in pieces {
        // A server that has seen enough closes the connection.
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) => {
                assert!(error.kind() == ErrorKind::ConnectionReset, "{error}");
                break;
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_up(server: &Server) {
    let answer = server.post(CHAT, &chat());
    let text: String = answer
        .chunks()
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, ANSWER);
}

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
    let server = start();
    // Within the limit on bytes, so that the limits on counts are what is met.
    let deep = format!("{{\"model\": {}", "[".repeat(60_000));
    let answer = server.post_text(CHAT, &deep);
    assert_eq!(answer.json()["error"]["code"], "body_too_complex");
    let objects = "{\"a\":".repeat(10_000);
    assert_eq!(server.post_text(CHAT, &objects).json()["error"]["code"], "body_too_complex");
    is_up(&server);
}

/// A header of 100 MB, three megabytes in chunks of one byte, and a client that sends nothing crashed
/// vLLM and Triton.
#[test]
fn s02_huge_headers_tiny_chunks_and_silence_end_only_their_connection() {
    let connections = ConnectionLimits {
        header_timeout: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let server = start_with(Start { connections, ..Start::default() });
    let start = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n");
    let piece = vec![b'a'; 1 << 20];
    let huge = [start.clone().into_bytes(), b"x-large: ".to_vec()].concat();
    let answer = raw(&server, std::iter::once(huge).chain(std::iter::repeat_n(piece, 100)));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "x-small: y\r\n".repeat(200);
    let answer = raw(&server, [format!("{start}{many}\r\n").into_bytes()]);
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let head = format!("{start}transfer-encoding: chunked\r\n\r\n");
    let chunks = b"1\r\n \r\n".repeat(1000);
    let pieces = std::iter::once(head.into_bytes()).chain(std::iter::repeat_n(chunks, 3000));
    let answer = raw(&server, pieces);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    // Half a line of a request, and then nothing.
    let begun = Instant::now();
    let answer = raw(&server, [b"POST /v1/ch".to_vec()]);
    assert!(!answer.contains("200") && begun.elapsed() < Duration::from_secs(10), "{answer}");
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

/// A thousand clients that go away leave nothing behind.
#[test]
fn s33_clients_that_come_and_go_leave_nothing_behind() {
    let server = start();
    let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    is_up(&server);
    let before = files();
    let mut body = chat();
    body["ignore_eos"] = json!(true);
    for round in 0..200 {
        let stream = open(&server, &body);
        if round % 2 == 0 {
            drop(stream);
        } else {
            let mut stream = stream;
            read_until(&mut stream, "data:");
        }
    }
    wait_for("the end of all", || server.engine.stats().running == 0);
    wait_for("an empty cache", || server.engine.stats().used_blocks == 0);
    wait_for("closed connections", || files() <= before + 8);
    is_up(&server);
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
    wait_for("the queue", || server.engine.stats().waiting >= 1);
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

/// vLLM made room for as many answers as a client asked for before it looked at the number.
#[test]
fn s01_a_huge_n_is_refused_at_once() {
    let server = start();
    for n in [json!(1_000_000_000), json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
        let mut body = chat();
        body["n"] = n.clone();
        let begun = Instant::now();
        let answer = server.post(CHAT, &body);
        assert_eq!(answer.status, 400, "{n}: {}", answer.text);
        assert!(begun.elapsed() < Duration::from_secs(1), "{n}");
    }
    is_up(&server);
}

/// Negative and huge numbers became sizes and offsets in llama.cpp.
#[test]
fn s20_odd_numbers_are_refused_in_every_field() {
    let server = start();
    for field in ["max_tokens", "min_tokens", "top_k", "top_logprobs", "seed", "stop_token_ids"] {
        for value in ["-9223372036854775808", "-1e308", "1e400", "18446744073709551616", "1.5"] {
            let body = format!(
                "{{\"model\": \"bank-model\", \"messages\": [{{\"role\": \"user\", \"content\": \
                 \"x\"}}], \"logprobs\": true, \"{field}\": {value}}}"
            );
            let status = server.post_text(CHAT, &body).status;
            let may_pass = field == "seed" && value.starts_with("-9");
            assert!(status == 400 || may_pass, "{field} {value}: {status}");
        }
    }
    is_up(&server);
}

/// A malformed schema or pattern ended vLLM's engine for everyone.
#[test]
fn s13_a_bad_schema_harms_only_its_request() {
    let server = start();
    let mut deep = json!({"type": "string"});
    for _ in 0..40 {
        deep = json!({"type": "array", "items": deep});
    }
    let choices: Vec<String> = (0..40_000).map(|idx| idx.to_string()).collect();
    for form in [
        json!({"type": "json_schema", "json_schema": {"schema": {"type": 5}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"type": "string", "pattern": "("}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}}),
        json!({"type": "json_schema", "json_schema": {"schema": {"enum": choices}}}),
        json!({"type": "json_schema", "json_schema": {"schema": deep}}),
        json!({"type": "json_schema"}),
    ] {
        let mut body = chat();
        body["stream"] = json!(false);
        body["max_tokens"] = json!(8);
        body["response_format"] = form;
        let answer = server.post(CHAT, &body);
        assert!([200, 400, 413].contains(&answer.status), "{}", answer.text);
    }
    for (pattern, is_bad) in [("(a{1,1000}){1,1000}", false), ("(", true), ("(a)\\1", true)] {
        let mut body = chat();
        body["structured_outputs"] = json!({"regex": pattern});
        body["max_tokens"] = json!(8);
        let answer = server.post(CHAT, &body);
        assert_eq!(answer.status == 400, is_bad, "{pattern}: {}", answer.text);
    }
    is_up(&server);
}

/// Errors told of memory addresses and paths.
#[test]
fn s08_errors_tell_no_addresses_and_no_paths() {
    let server = start();
    for (path, body) in [
        (CHAT, "{\"model\": \"../../etc/passwd\", \"messages\": []}"),
        (
            CHAT,
            "{\"model\": \"bank\", \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \
                \"image_url\", \"image_url\": {\"url\": \"file:///etc/passwd\"}}]}]}",
        ),
        ("/v1/completions", "{\"model\": \"bank-model\", \"prompt\": {\"a\": 1}}"),
        ("/v1/embeddings", "\u{1}"),
    ] {
        let answer = server.post_text(path, body);
        assert!((400..500).contains(&answer.status), "{}", answer.text);
        for leak in ["0x", "/root", "/home", ".rs:", "src/"] {
            assert!(!answer.text.contains(leak), "{}", answer.text);
        }
    }
}

/// Names of pages and images in texts were fetched by the server.
#[test]
fn s05_s06_no_text_makes_the_server_fetch_anything() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it may be asked");
    let bait = format!("http://{}", listener.local_addr().expect("an address"));
    let server = start();
    let mut body = chat();
    body["messages"][0]["content"] = json!(format!("![x]({bait}/a.png) <img src={bait}/b>"));
    assert_eq!(server.post(CHAT, &body).status, 200);
    for url in [format!("{bait}/c.png"), "file:///etc/passwd".to_owned(), "gopher://x".to_owned()] {
        body["messages"][0]["content"] = json!([{"type": "image_url", "image_url": {"url": url}}]);
        assert_eq!(server.post(CHAT, &body).status, 400);
    }
    let came = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock));
}

/// The key check of LiteLLM put what it was sent into SQL.
#[test]
fn s29_odd_texts_in_headers_are_only_texts() {
    let server = start();
    for text in ["' OR 1=1 --", "\"; DROP TABLE keys; --", "${jndi:ldap://x}", "%00", "..%2f..%2f"]
    {
        let headers = [("authorization", text), ("x-api-key", text), ("x-request-id", text)];
        let answer = server.send("POST", CHAT, &headers, &chat().to_string());
        assert_eq!(answer.status, 200, "{text}: without keys nobody is asked for one");
    }
}
