//! Requests by hand, and the question whether a server still answers.

use crate::support::{ANSWER, LONG, Server};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

pub(crate) const CHAT: &str = "/v1/chat/completions";

/// A streamed conversation.
pub(crate) fn chat() -> Value {
    json!({"model": "bank-model", "messages": [{"role": "user", "content": "x"}], "stream": true})
}

/// What the server answers to raw bytes, up to the connection's end.
pub(crate) fn raw(server: &Server, pieces: impl IntoIterator<Item = Vec<u8>>) -> String {
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
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                assert!(error.kind() == ErrorKind::ConnectionReset, "{error}");
                break;
            }
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The server answers as ever.
pub(crate) fn is_up(server: &Server) {
    let answer = server.post(CHAT, &chat());
    let text: String = answer
        .chunks()
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, ANSWER);
}
