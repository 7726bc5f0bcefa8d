//! Wheels, good and bad.

use super::support::{Place, assert_complete, contents, misses};
use crate::StoreError;
use camino::Utf8Path;
use std::fs::File;
use std::io::Write;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(super) type Entries = Vec<(String, Vec<u8>)>;

/// What a good wheel holds.
pub(super) fn good_entries() -> Entries {
    let name =
        |path: &str| if path == "model.bin" { "Model-Q4.bin".to_owned() } else { path.into() };
    let inside = contents()
        .into_iter()
        .map(|(path, bytes)| (format!("toy_package/data/{}", name(path)), bytes));
    inside.chain([("toy_package/__init__.py".to_owned(), b"import os".to_vec())]).collect()
}

pub(super) fn write_wheel(path: &Utf8Path, entries: &Entries) {
    let mut wheel = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in entries {
        wheel.start_file(name, SimpleFileOptions::default()).unwrap();
        wheel.write_all(bytes).unwrap();
    }
    wheel.finish().unwrap();
}

/// Pulls from a wheel with these entries and returns the place and why it missed.
fn refused(entries: &Entries) -> (Place, StoreError) {
    let mut place = Place::new();
    let wheel = place.dir.join("toy.whl");
    write_wheel(&wheel, entries);
    place.options.from = Some(wheel.to_string());
    let reason = misses(place.pull().unwrap_err()).swap_remove(1);
    (place, reason)
}

#[test]
fn a_wheel_at_hand_is_a_source() {
    let mut place = Place::new();
    let wheel = place.dir.join("toy.whl");
    write_wheel(&wheel, &good_entries());
    place.options.from = Some(wheel.to_string());
    assert_complete(&place.pull().unwrap());
}

/// Archives wrote beyond their folder in Ollama and BentoML.
#[test]
fn s25_a_path_that_leaves_the_folder_is_refused_before_anything_is_written() {
    for evil in ["../../evil", "/evil", "toy_package/data/../../../evil", "a\\..\\..\\evil"] {
        let mut entries = good_entries();
        entries.push((evil.to_owned(), b"evil".to_vec()));
        let (place, reason) = refused(&entries);
        assert!(matches!(reason, StoreError::UnsafePath { .. }), "{evil}: {reason:?}");
        let kept = place.all_files();
        let harmless = |path: &Utf8Path| matches!(path.extension(), Some("lock" | "whl"));
        assert!(kept.iter().all(|file| harmless(&file.path)), "{kept:?}");
    }
}

/// A few bytes that unpack to gigabytes stopped Ollama.
#[test]
fn s27_a_file_that_unpacks_to_more_than_it_should_stops_at_the_limit() {
    let mut entries = good_entries();
    entries[0].1.extend(vec![0; 10 << 20]);
    let (_, reason) = refused(&entries);
    let StoreError::SizeMismatch { found, expected, .. } = reason else { panic!("{reason:?}") };
    assert_eq!(expected, 300_000);
    assert!(found < 1 << 20, "read {found} bytes of a file known to have {expected}");
}

#[test]
fn a_wheel_without_the_file_is_named() {
    let mut entries = good_entries();
    entries.remove(0);
    let (_, reason) = refused(&entries);
    assert!(matches!(reason, StoreError::NotInArchive { .. }), "{reason:?}");
}

#[test]
fn a_wheel_that_is_no_zip_is_named() {
    let mut place = Place::new();
    let wheel = place.dir.join("toy.whl");
    std::fs::write(&wheel, "PK but not really").unwrap();
    place.options.from = Some(wheel.to_string());
    let reason = misses(place.pull().unwrap_err()).swap_remove(1);
    assert!(matches!(reason, StoreError::CorruptArchive { .. }), "{reason:?}");
}
