//! Text is shown in whole characters and never shows part of a stop string.

use crate::text::TextAssembler;

/// Feeds `pieces` and compares what each made certain, what the end added, and whether it stopped.
fn check(stop: &[&str], pieces: &[&[u8]], shown: &[&str], tail: &str, stopped: bool) {
    let mut assembler = TextAssembler::new(stop.iter().map(|&s| s.to_owned()).collect(), false);
    let mut got = Vec::new();
    let mut did_stop = false;
    for piece in pieces {
        assert!(!did_stop, "pieces after the stop");
        let piece = assembler.push(piece);
        got.push(piece.text);
        did_stop = piece.stop.is_some();
    }
    assert_eq!((got, did_stop), (shown.iter().map(|&s| s.to_owned()).collect(), stopped));
    assert_eq!(assembler.finish(), tail);
}

#[test]
fn without_stop_strings_text_passes_through() {
    check(&[], &[b"Hel", b"lo"], &["Hel", "lo"], "", false);
}

#[test]
fn characters_are_shown_whole() {
    let bytes = "你".as_bytes();
    check(&[], &[&bytes[..1], &bytes[1..2], &bytes[2..], b"!"], &["", "", "你", "!"], "", false);
}

#[test]
fn bytes_that_are_no_text_become_replacement_characters() {
    check(&[], &[b"a\xff", b"b"], &["a\u{fffd}", "b"], "", false);
    check(&[], &[b"a\xe4\xbd"], &["a"], "\u{fffd}", false);
    check(&[], &[b"\xe4", b"x"], &["", "\u{fffd}x"], "", false);
}

#[test]
fn a_possible_stop_string_is_held_back() {
    check(&["END"], &[b"the E", b"N", b"D rest"], &["the ", "", ""], "", true);
    check(&["END"], &[b"the E", b"N", b"X"], &["the ", "", "ENX"], "", false);
    check(&["END"], &[b"the EN"], &["the "], "EN", false);
}

#[test]
fn the_held_part_is_the_longest_that_may_stop() {
    check(&["aab"], &[b"aa", b"a", b"b"], &["", "a", ""], "", true);
    check(&["abc", "cab"], &[b"xc", b"a", b"x"], &["x", "", "cax"], "", false);
}

#[test]
fn the_earliest_stop_string_ends_the_text() {
    check(&["two", "one"], &[b"zero one two"], &["zero "], "", true);
}

#[test]
fn stop_strings_of_long_characters_are_cut_on_boundaries() {
    let text = "甲乙";
    let (first, second) = text.as_bytes().split_at(3);
    check(&["乙丙"], &[first, second, "丁".as_bytes()], &["甲", "", "乙丁"], "", false);
    check(&["乙丙"], &[first, second, "丙".as_bytes()], &["甲", "", ""], "", true);
}

#[test]
fn the_stop_string_can_stay() {
    let mut assembler = TextAssembler::new(vec!["END".to_owned(), "E".to_owned()], true);
    let piece = assembler.push(b"the END of it");
    assert_eq!((piece.text.as_str(), piece.stop.as_deref()), ("the E", Some("E")));
    let mut assembler = TextAssembler::new(vec!["END".to_owned()], true);
    assert_eq!(assembler.push(b"the EN").text, "the ");
    let piece = assembler.push(b"D of it");
    assert_eq!((piece.text.as_str(), piece.stop.as_deref()), ("END", Some("END")));
    assert_eq!(assembler.finish(), "");
}
