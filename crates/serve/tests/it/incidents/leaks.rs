//! What must be gone when a client is.

use crate::support::{open, read_until, start, wait_for};
use crate::wire::{chat, is_up};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;

/// Clients that come and go in every way. Enough of each that a file, a place or a block which one in
/// a hundred left behind would be seen.
const ROUNDS: usize = 10_000;

/// Connections that broke off left places in vLLM's queue, and its memory, taken.
#[test]
fn s33_clients_that_come_and_go_leave_nothing_behind() {
    let server = start();
    let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    is_up(&server);
    let before = files();
    let mut body = chat();
    body["ignore_eos"] = json!(true);
    let mut whole = body.clone();
    whole["stream"] = json!(false);
    for round in 0..ROUNDS {
        match round % 5 {
            0 => drop(open(&server, &body)),
            1 => read_until(&mut open(&server, &body), "data:"),
            2 => drop(open(&server, &whole)),
            3 => drop(TcpStream::connect(server.address)),
            _ => {
                let mut half = TcpStream::connect(server.address).expect("a connection");
                half.write_all(b"POST /v1/completions HTTP/1.1\r\ncontent-length: 90\r\n\r\n{")
                    .expect("it is sent");
            }
        }
    }
    wait_for("the end of all", || server.engine.stats().running == 0);
    let stats = server.engine.stats();
    assert_eq!((stats.waiting, stats.used_blocks), (0, 0));
    let running = "catena_generations_running{model_name=\"bank-model\"}";
    wait_for("the last generation's end", || server.metric(running) == 0.0);
    // Other tests of this process open a few meanwhile.
    wait_for("closed connections", || files() <= before + 100);
    // Every place of the queue is free: as many as fit at once are taken.
    let streams: Vec<_> = (0..100).map(|_| open(&server, &body)).collect();
    for mut stream in streams {
        read_until(&mut stream, "data:");
    }
    is_up(&server);
}
