//! The file of keys and the ring made of it.

use super::{KeyFile, KeyLimits, Keyring, KeysError, NewKey};
use camino::Utf8PathBuf;
use std::fs;

fn file(dir: &tempfile::TempDir) -> KeyFile {
    let dir = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("a plain path");
    KeyFile::at(dir.join("keys.json"))
}

fn named(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), ..NewKey::default() }
}

#[test]
fn a_key_is_kept_without_its_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = file(&dir);
    assert_eq!(file.read().expect("no file is no error"), None);
    let (record, text) = file.create(named("ann"), 1000).expect("it is written");
    assert!(text.starts_with(&format!("ck_{}_", record.id)) && text.len() == 60, "{text}");
    let written = fs::read_to_string(file.path()).expect("a file");
    let secret = text.rsplit('_').next().expect("a secret");
    assert!(!written.contains(secret) && written.contains(&record.digest.to_hex()));
    assert_eq!(file.read().expect("it reads"), Some(vec![record.clone()]));
    let ring = Keyring::new(file.read().expect("it reads").expect("keys"));
    assert_eq!(ring.find(&text).expect("known").record, record);
    let mut other = text.clone();
    other.replace_range(59.., if text.ends_with('0') { "1" } else { "0" });
    for wrong in ["", "ck_", &other, &record.digest.to_hex(), &text[..59], &"x".repeat(1 << 20)] {
        assert!(ring.find(wrong).is_none(), "{wrong}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let file = file(&dir);
    file.create(named("ann"), 0).expect("it is written");
    let mode = fs::metadata(file.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_revoked_key_is_unknown_and_the_file_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = file(&dir);
    let (record, text) = file.create(named("ann"), 0).expect("it is written");
    let ring = Keyring::new(file.read().expect("it reads").expect("keys"));
    assert_eq!(file.revoke(&record.id).expect("known"), record);
    assert!(matches!(file.revoke(&record.id), Err(KeysError::UnknownKey { .. })));
    assert_eq!(file.read().expect("it reads"), Some(vec![]));
    ring.replace(file.read().expect("it reads").expect("keys"));
    assert!(ring.find(&text).is_none() && ring.is_empty());
}

#[test]
fn keys_that_are_read_again_keep_what_they_used() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = file(&dir);
    let limits = KeyLimits { max_concurrent: Some(1), ..KeyLimits::default() };
    let (record, text) = file.create(NewKey { limits, ..named("ann") }, 0).expect("it is written");
    let ring = Keyring::new(vec![record.clone()]);
    let now = std::time::Instant::now();
    let running = ring.find(&text).expect("known").limiter.begin(now).expect("one");
    ring.replace(vec![record]);
    ring.find(&text).expect("known").limiter.begin(now).expect_err("one runs still");
    drop(running);
    let _next = ring.find(&text).expect("known").limiter.begin(now).expect("it ended");
}

#[test]
fn patterns_end_in_a_star_and_times_run_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let new = NewKey {
        expires: Some(100),
        models: vec!["bank*".to_owned()],
        routes: vec!["/v1/models".to_owned(), "/v1/chat/*".to_owned()],
        ..named("ann")
    };
    let (record, _) = file(&dir).create(new, 0).expect("it is written");
    assert!(record.allows_model("bank") && record.allows_model("bank-model"));
    assert!(!record.allows_model("other"));
    assert!(record.allows_route("/v1/models") && record.allows_route("/v1/chat/completions"));
    assert!(!record.allows_route("/v1/models/bank") && !record.allows_route("/v1/embeddings"));
    assert!(!record.has_expired(99) && record.has_expired(100));
}

#[test]
fn damaged_files_and_odd_names_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = file(&dir);
    for name in ["", "  ", "a\nb", "ä", &"x".repeat(129)] {
        assert!(matches!(file.create(named(name), 0), Err(KeysError::BadName { .. })), "{name}");
    }
    for text in ["", "[]", "{\"version\": 1}", "{\"version\": 9, \"keys\": []}"] {
        fs::write(file.path(), text).expect("it is written");
        assert!(matches!(file.read(), Err(KeysError::Damaged { .. })), "{text}");
    }
}

/// vLLM compared keys character by character, and the time told how many were right.
#[test]
fn s03_what_is_compared_tells_nothing_of_a_key() {
    let dir = tempfile::tempdir().expect("a folder");
    let (record, text) = file(&dir).create(named("ann"), 0).expect("it is written");
    let ring = Keyring::new(vec![record.clone()]);
    let changed = |at: usize| {
        let mut wrong = text.clone();
        let digit = if wrong.as_bytes()[at] == b'0' { "1" } else { "0" };
        wrong.replace_range(at..=at, digit);
        wrong
    };
    // Digests are compared, and however much of a key is right, its digest has nothing of the key's.
    let begins = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let digest = record.digest.to_hex();
    let shared: Vec<usize> = (12..60)
        .map(|at| begins(&catena_store::Digest::of(changed(at).as_bytes()).to_hex(), &digest))
        .collect();
    assert!(shared.iter().all(|&count| count < 8), "{shared:?}");
    // And the time: a key that is wrong at its first secret digit, and one at its last.
    let (first, last) = (changed(12), changed(59));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..20_000 {
        let which = round % 2;
        let begun = std::time::Instant::now();
        assert!(ring.find([&first, &last][which]).is_none());
        times[which].push(begun.elapsed());
    }
    let [first, last] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_nanos() as f64
    });
    assert!((0.5..2.0).contains(&(first / last)), "{first} ns and {last} ns");
}
