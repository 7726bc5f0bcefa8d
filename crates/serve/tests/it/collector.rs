//! A collector of OpenTelemetry, as far as messages are sent to it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

/// Takes one message, and shows its head, in small letters, and its body before it is answered: what was
/// sent then is known by whoever waited for the answer.
pub(crate) fn take(listener: &TcpListener, show: impl FnOnce(String, Value)) {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).expect("a line");
        head.push_str(&line.to_lowercase());
    }
    let length = head.split("content-length: ").nth(1).expect("a length");
    let length: usize = length.lines().next().expect("a line").parse().expect("a number");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    show(head, serde_json::from_slice(&body).expect("JSON"));
    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    reader.into_inner().write_all(answer).expect("it is sent");
}
