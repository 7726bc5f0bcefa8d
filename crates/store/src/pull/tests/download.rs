//! Downloads: resuming, checking, giving up.

use super::support::{Place, Reply, Server, assert_complete, misses, remote};
use crate::StoreError;
use catena_protocol::{Cancel, CancelAfter};
use std::fs;

#[test]
fn a_url_delivers_every_file() {
    let server = Server::with_files();
    let place = Place::from(format!("{}/base/", server.url));
    let pulled = place.pull().unwrap();
    assert_complete(&pulled);
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/base/Model-Q4.bin", "/base/sub/config.json"]);
    assert_eq!(pulled.source, format!("{}/base/", server.url));
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_again_where_it_ended() {
    let server = Server::start(|request, before| match before {
        0 => Reply::Cut(remote(&request.path), 100_000),
        1 => Reply::Cut(remote(&request.path), 50_000),
        _ => Reply::File(remote(&request.path)),
    });
    assert_complete(&Place::from(&server.url).pull().unwrap());
    let starts: Vec<_> = server.seen().into_iter().map(|seen| seen.range_start).collect();
    assert_eq!(starts, [None, Some(100_000), Some(150_000), None]);
}

#[test]
fn an_interrupted_download_keeps_its_bytes_for_the_next_pull() {
    let server = Server::with_files();
    let place = Place::from(&server.url);
    let cancel = Cancel::new();
    let stop = CancelAfter { after: 60_000, cancel: cancel.clone() };
    let error = place.pull_with(&stop, &cancel).unwrap_err();
    assert!(matches!(error, StoreError::Interrupted), "{error:?}");
    let part = place.dir.join("cache/models/toy.partial/model.bin.part");
    let kept = fs::metadata(&part).unwrap().len();
    assert!((60_000..300_000).contains(&kept), "{kept}");
    assert_complete(&place.pull().unwrap());
    assert_eq!(server.seen()[1].range_start, Some(usize::try_from(kept).unwrap()));
}

#[test]
fn a_server_without_ranges_starts_the_file_over() {
    let server = Server::start(|request, before| match before {
        0 => Reply::Cut(remote(&request.path), 100_000),
        _ => Reply::IgnoringRange(remote(&request.path)),
    });
    assert_complete(&Place::from(&server.url).pull().unwrap());
    assert_eq!(server.seen()[1].range_start, Some(100_000));
}

#[test]
fn a_part_of_another_file_is_found_out_and_fetched_again() {
    let server = Server::with_files();
    let place = Place::from(&server.url);
    let staging = place.dir.join("cache/models/toy.partial");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("model.bin.part"), vec![7; 1000]).unwrap();
    assert_complete(&place.pull().unwrap());
    let starts: Vec<_> = server.seen().into_iter().map(|seen| seen.range_start).collect();
    assert_eq!(starts, [Some(1000), None, None]);
}

#[test]
fn wrong_bytes_are_refused_and_leave_nothing() {
    let server = Server::start(|request, _| {
        let mut bytes = remote(&request.path);
        bytes[5] ^= 1;
        Reply::File(bytes)
    });
    let place = Place::from(&server.url);
    let reasons = misses(place.pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::ChecksumMismatch { .. }), "{:?}", reasons[1]);
    let left = place.all_files();
    assert!(left.iter().all(|file| file.path.extension() == Some("lock")), "{left:?}");
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let server = Server::start(|request, _| {
        let mut bytes = remote(&request.path);
        bytes.resize(350_000, 0);
        Reply::File(bytes)
    });
    let reasons = misses(Place::from(&server.url).pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::SizeMismatch { .. }), "{:?}", reasons[1]);
}

#[test]
fn a_server_that_never_sends_a_byte_is_given_up() {
    let server = Server::start(|request, _| Reply::Cut(remote(&request.path), 0));
    let reasons = misses(Place::from(&server.url).pull().unwrap_err());
    let expected =
        matches!(reasons[1], StoreError::BrokenOff { received: 0, expected: 300_000, .. });
    assert!(expected, "{:?}", reasons[1]);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_missing_file_is_told_by_its_status() {
    let server = Server::start(|_, _| Reply::Status(404));
    let reasons = misses(Place::from(&server.url).pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::HttpStatus { status: 404, .. }), "{:?}", reasons[1]);
}

#[test]
fn a_proxy_or_certificates_that_make_no_sense_are_named_without_the_password() {
    let mut place = Place::from("http://127.0.0.1:9");
    place.options.proxy = Some("nonsense://user:secret@proxy".to_owned());
    let reasons = misses(place.pull().unwrap_err());
    assert_eq!(reasons[1].to_string(), "`proxy` is not a proxy address");
    place.options.proxy = None;
    let certificates = place.dir.join("ca.pem");
    fs::write(&certificates, "not a certificate").unwrap();
    place.options.ca_file = Some(certificates);
    let reasons = misses(place.pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::BadCertificates { .. }), "{:?}", reasons[1]);
}
