//! Reuse, folders, and two pulls at once.

use super::support::{Place, Server, assert_complete, contents, misses};
use crate::StoreError;
use std::fs;

#[test]
fn a_second_pull_asks_nobody() {
    let server = Server::with_files();
    let place = Place::from(&server.url);
    place.pull().unwrap();
    let asked = server.seen().len();
    let pulled = place.pull().unwrap();
    assert_complete(&pulled);
    assert_eq!(pulled.source, "cache");
    assert!(pulled.misses.is_empty());
    assert_eq!(server.seen().len(), asked);
}

#[test]
fn a_missing_or_short_file_is_fetched_again() {
    let server = Server::with_files();
    let place = Place::from(&server.url);
    let pulled = place.pull().unwrap();
    fs::write(pulled.path(), "short").unwrap();
    assert_complete(&place.pull().unwrap());
    fs::remove_file(pulled.path()).unwrap();
    assert_complete(&place.pull().unwrap());
}

#[test]
fn a_flipped_byte_is_found_on_demand() {
    let server = Server::with_files();
    let mut place = Place::from(&server.url);
    let pulled = place.pull().unwrap();
    let mut bytes = fs::read(pulled.path()).unwrap();
    bytes[1234] ^= 1;
    fs::write(pulled.path(), bytes).unwrap();
    assert_eq!(place.pull().unwrap().source, "cache", "the quick check looks at sizes");
    place.options.verify = true;
    let mended = place.pull().unwrap();
    assert!(matches!(mended.misses[0].reason, StoreError::ChecksumMismatch { .. }));
    assert_complete(&mended);
}

#[test]
fn a_folder_delivers_under_either_name() {
    for large in ["model.bin", "Model-Q4.bin"] {
        let mut place = Place::new();
        let folder = place.dir.join("mine");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join(large), &contents()["model.bin"]).unwrap();
        fs::write(folder.join("sub/config.json"), &contents()["sub/config.json"]).unwrap();
        place.options.from = Some(folder.to_string());
        assert_complete(&place.pull().unwrap());
    }
}

#[test]
fn a_place_that_is_nothing_known_is_named() {
    let reasons = misses(Place::from("ftp://example").pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::UnknownPlace { .. }), "{:?}", reasons[1]);
}

#[test]
fn two_pulls_at_once_share_one_download() {
    let server = Server::with_files();
    let place = Place::from(&server.url);
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..3).map(|_| scope.spawn(|| place.pull().unwrap())).collect();
        for pull in pulls {
            assert_complete(&pull.join().unwrap());
        }
    });
    assert_eq!(server.seen().len(), contents().len());
}
