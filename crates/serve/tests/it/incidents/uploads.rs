//! Files, forms and compressed bodies.

use crate::support::{Answer, Server, Start, start, start_with, wait_for};
use crate::wire::{CHAT, is_up, raw};
use camino::Utf8Path;
use catena_serve::{ServeLimits, Settings};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use tempfile::TempDir;

fn keeping(start: Start) -> (Server, TempDir) {
    let temporary = TempDir::new().expect("a folder");
    let server = start_with(start);
    let folder = Utf8Path::from_path(temporary.path()).expect("UTF-8").join("kept");
    server.app.keep_files(&folder).expect("a folder");
    (server, temporary)
}

/// Names of the files in the folder of clients' files.
fn kept(temporary: &TempDir) -> Vec<String> {
    let folder = std::fs::read_dir(temporary.path().join("kept/files")).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a file").file_name();
    folder.map(|entry| name(entry).into_string().expect("UTF-8")).collect()
}

fn form(server: &Server, boundary: &str, body: &str) -> Answer {
    let kind = format!("multipart/form-data; boundary={boundary}");
    server.send("POST", "/v1/files", &[("content-type", &kind)], body)
}

/// What is answered to a form, up to the connection's end.
fn sent(server: &Server, boundary: &str, body: &str) -> String {
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: multipart/form-data; boundary={boundary}\r\n\r\n",
        body.len()
    );
    raw(server, [head.into_bytes(), body.as_bytes().to_vec()])
}

/// Ollama made paths of digests that clients sent, and BentoML of names in archives.
#[test]
fn s25_identities_and_names_are_never_paths() {
    let (server, temporary) = keeping(Start::default());
    std::fs::write(temporary.path().join("secret.json"), "{\"id\": \"secret\"}").expect("written");
    for id in [
        "..%2Fsecret",
        "..%2f..%2fsecret",
        "%2e%2e%2fsecret",
        "..",
        "%2e%2e",
        "....%2F%2Fsecret",
        "..%5Csecret",
        "%2Fetc%2Fpasswd",
        "secret%00",
        "%C0%AE%C0%AE%2Fsecret",
        "sha256:..%2Fsecret",
    ] {
        for path in [
            format!("/v1/files/{id}"),
            format!("/v1/files/{id}/content"),
            format!("/v1/batches/{id}"),
            format!("/v1/responses/{id}"),
        ] {
            let status = server.get(&path).status;
            assert!([400, 404, 405].contains(&status), "GET {path}: {status}");
            let status = server.delete(&path).status;
            assert!([400, 404, 405].contains(&status), "DELETE {path}: {status}");
        }
    }
    let batch = json!({"input_file_id": "../secret", "endpoint": "/v1/completions",
                       "completion_window": "24h"});
    assert_eq!(server.post("/v1/batches", &batch).status, 404);
    for name in ["../../evil", "/etc/evil", "..\\evil", "evil\0"] {
        let sent = server.upload("user_data", &name.replace('\0', "%00"), "evil");
        assert_eq!(sent.status, 200, "{name}: {}", sent.text);
    }
    let is_ours = |name: &String| name.starts_with("file-") && !name.contains("evil");
    assert!(kept(&temporary).iter().all(is_ours), "{:?}", kept(&temporary));
    let beside = std::fs::read_dir(temporary.path()).expect("a folder").count();
    assert_eq!(beside, 2, "the folder, and the file that is not the server's");
}

/// A few bytes that unpack to gigabytes stopped Ollama. Nothing is unpacked here.
#[test]
fn s27_compressed_bodies_are_not_unpacked() {
    let server = start();
    // The beginning of any gzip, deflate and zstd stream.
    for (encoding, magic) in [
        ("gzip", &[0x1f, 0x8b, 8, 0][..]),
        ("deflate", &[0x78, 0x9c]),
        ("zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let body = [magic, &[0; 1000]].concat();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: \
             close\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = raw(&server, [head.into_bytes(), body]);
        assert!(answer.starts_with("HTTP/1.1 400"), "{encoding}: {answer}");
    }
    is_up(&server);
}

/// Odd edges of forms kept BentoML and others reading for ever.
#[test]
fn s31_forms_are_read_once_and_as_far_as_they_make_sense() {
    let (server, temporary) = keeping(Start::default());
    let purpose = "content-disposition: form-data; name=\"purpose\"\r\n\r\nuser_data";
    let file = "content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\ndata";
    let good = format!("--x\r\n{purpose}\r\n--x\r\n{file}\r\n--x--\r\n");
    assert_eq!(form(&server, "x", &good).status, 200);
    let many = format!("--x\r\n{purpose}\r\n").repeat(10_000);
    let dashes = format!("{good}{}", "-".repeat(1 << 20));
    let bad = [
        ("x", good.replace("--x--", "")),
        ("x", good.replace("--x", "--y")),
        ("x", format!("--x{}\r\n{purpose}", "-".repeat(1 << 20))),
        ("x", format!("{many}--x--\r\n")),
        ("x", "--x\r\ncontent-disposition: form-data; name=\"file".repeat(1000)),
        ("x", String::new()),
        ("", good.clone()),
        ("\"", good.clone()),
    ];
    for (boundary, body) in bad {
        let answer = sent(&server, boundary, &body);
        let shown: String = body.chars().take(60).collect();
        // The connection may end before a body that is refused has come.
        let is_refused = answer.starts_with("HTTP/1.1 4") || answer.is_empty();
        assert!(is_refused, "{boundary} {shown}: {answer}");
    }
    // What stands behind the end is nobody's.
    assert!(!sent(&server, "x", &dashes).starts_with("HTTP/1.1 5"));
    wait_for("the end of what was refused", || {
        kept(&temporary).iter().all(|name| !name.ends_with("part"))
    });
    is_up(&server);
}

/// Forms that are never finished must hold neither a thread nor a file.
#[test]
fn s31_half_a_form_holds_nobody_up() {
    let limits = ServeLimits { body_timeout: Duration::from_millis(300), ..ServeLimits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let (server, temporary) = keeping(Start { settings, ..Start::default() });
    let head = "POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\n\
                content-length: 100000\r\n\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; \
                filename=\"a\"\r\n\r\nthe beginning";
    // More than there are workers.
    let half: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("a connection");
            stream.write_all(head.as_bytes()).expect("it is sent");
            stream
        })
        .collect();
    wait_for("the files' beginnings", || kept(&temporary).len() > 2);
    is_up(&server);
    let answer = raw(&server, [head.as_bytes().to_vec()]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_too_slow"), "{answer}");
    drop(half);
    wait_for("the end of what came", || kept(&temporary).is_empty());
}

/// A message about Triton's shared memory told its name, which opened it.
#[test]
fn s32_a_failing_disk_tells_no_paths() {
    let (server, temporary) = keeping(Start::default());
    let made = server.upload("user_data", "a", "text").json();
    std::fs::remove_dir_all(temporary.path().join("kept/files")).expect("it is there");
    let path = format!("/v1/files/{}/content", made["id"].as_str().expect("an id"));
    for answer in [server.upload("user_data", "b", "text"), server.get(&path)] {
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (500, &json!("storage_failed"))
        );
        let folder = temporary.path().to_str().expect("UTF-8");
        assert!(!answer.text.contains(folder) && !answer.text.contains("kept"), "{}", answer.text);
    }
    is_up(&server);
}
