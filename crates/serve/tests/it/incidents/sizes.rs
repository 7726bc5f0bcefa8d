//! Requests that ask for far too much.

use crate::support::{Start, start, start_with};
use crate::wire::{CHAT, is_up, raw};
use catena_serve::ConnectionLimits;
use serde_json::json;
use std::time::{Duration, Instant};

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// vLLM made room for as many answers as a client asked for before it looked at the number.
#[test]
fn s01_a_huge_n_is_refused_before_anything_is_made() {
    let server = start();
    let before = resident();
    for n in [json!(1_000_000_000), json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
        let message = json!([{"role": "user", "content": "x"}]);
        for (path, body) in [
            (CHAT, json!({"model": "bank-model", "messages": message, "n": n})),
            ("/v1/completions", json!({"model": "bank-model", "prompt": "x", "n": n})),
            ("/v1/completions", json!({"model": "bank-model", "prompt": "x", "best_of": n})),
            ("/generate", json!({"inputs": "x", "parameters": {"best_of": n, "do_sample": true}})),
            (
                "/generate",
                json!({"inputs": "x", "parameters": {"top_n_tokens": n, "details": true}}),
            ),
            (
                "/v2/rerank",
                json!({"model": "bank-reranker", "query": "x", "documents": ["x"], "top_n": n}),
            ),
        ] {
            let begun = Instant::now();
            let answer = server.post(path, &body);
            let is_ranked = path == "/v2/rerank" && answer.status == 200;
            assert!(
                (400..500).contains(&answer.status) || is_ranked,
                "{n} {path}: {}",
                answer.text
            );
            assert!(begun.elapsed() < Duration::from_secs(1), "{n} {path}");
        }
    }
    // A thousand million answers would take more than this, whatever other tests do meanwhile.
    assert!(resident() < before + (1 << 30), "{before}");
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
    let max_body_bytes = Some(4 << 20);
    let server = start_with(Start { connections, max_body_bytes, ..Start::default() });
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
    // A million lists inside each other, within the limit on bytes.
    let deep = format!("{{\"model\": {}", "[".repeat(1_000_000));
    assert_eq!(server.post_text(CHAT, &deep).json()["error"]["code"], "body_too_complex");
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

/// The same of the fields of the other protocols: an answer or a refusal, and never a failure.
#[test]
fn s20_odd_numbers_fail_in_no_protocol() {
    let server = start();
    let message = "[{\"role\": \"user\", \"content\": \"x\"}]";
    let forms = [
        (
            "/v1/messages",
            format!("\"model\": \"bank-model\", \"messages\": {message}"),
            "max_tokens top_k",
        ),
        (
            "/v2/chat",
            format!("\"model\": \"bank-model\", \"messages\": {message}"),
            "max_tokens k seed",
        ),
        (
            "/v1/responses",
            "\"model\": \"bank-model\", \"input\": \"x\"".to_owned(),
            "max_output_tokens top_logprobs",
        ),
        (
            "/api/chat",
            format!("\"model\": \"bank-model\", \"messages\": {message}"),
            "options.num_predict options.top_k options.seed options.num_keep",
        ),
        (
            "/generate",
            "\"inputs\": \"x\"".to_owned(),
            "parameters.max_new_tokens parameters.top_k parameters.truncate parameters.seed",
        ),
        ("/embed", "\"inputs\": \"x\"".to_owned(), "dimensions"),
        (
            "/v1/embeddings",
            "\"model\": \"bank-embedder\", \"input\": \"x\"".to_owned(),
            "dimensions",
        ),
        (
            "/v2/rerank",
            "\"model\": \"bank-reranker\", \"query\": \"x\", \"documents\": [\"x\"]".to_owned(),
            "top_n max_tokens_per_doc",
        ),
    ];
    for (path, rest, fields) in forms {
        for field in fields.split(' ') {
            for value in
                ["-9223372036854775808", "-1e308", "1e400", "18446744073709551616", "1.5", "0"]
            {
                let set = match field.split_once('.') {
                    Some((outer, inner)) => format!("\"{outer}\": {{\"{inner}\": {value}}}"),
                    None => format!("\"{field}\": {value}"),
                };
                let status = server.post_text(path, &format!("{{{rest}, {set}}}")).status;
                // 424 is how text-embeddings-inference says that it failed.
                let is_answer = status < 500 && ![404, 424].contains(&status);
                assert!(is_answer, "{path} {field} {value}: {status}");
            }
        }
    }
    is_up(&server);
}
