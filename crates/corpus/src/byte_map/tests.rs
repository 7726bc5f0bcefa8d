use super::*;
use crate::words::is_space;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str) {
    let mut map = ByteMap::default();
    map.read("something else before, longer than one block of sixty-four bytes, with é");
    map.read(text);
    let words: Vec<&str> =
        map.words().map(|(start, end)| &text[start as usize..end as usize]).collect();
    let expected: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
    assert_eq!(words, expected, "of {text:?}");
    let kinds = map.kinds(0, text.len());
    let has = |holds: fn(&u8) -> bool| text.as_bytes().iter().any(holds);
    assert_eq!(kinds.has_letter(), has(u8::is_ascii_alphabetic));
    assert_eq!(kinds.has_beyond(), !text.is_ascii());
    assert_eq!(kinds.is_alphanumeric(), !has(|byte| !byte.is_ascii_alphanumeric()));
    let feeds: Vec<_> = map.feeds().map(|at| at as usize).collect();
    assert_eq!(feeds, text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>());
    let long: Vec<_> = map.long_chars().map(|at| at as usize).collect();
    let expected = text.char_indices().filter(|(_, ch)| !ch.is_ascii()).map(|(at, _)| at);
    assert_eq!(long, expected.collect::<Vec<_>>());
    assert_eq!(map.has_long_line_end(), text.contains(['\u{85}', '\u{2028}', '\u{2029}']));
    assert_eq!(map.chars(0, text.len()), text.chars().count());
    assert_eq!(map.capitals(0, text.len()), capitals(text));
}

fn capitals(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_uppercase).count()
}

#[test]
fn edges_of_blocks_are_no_edges_of_words() {
    check("");
    check(" ");
    for length in 60..70 {
        check(&"a".repeat(length));
        check(&format!("{}\u{3000}B9", "a".repeat(length)));
        check(&format!("{} {}", "a".repeat(length), "b".repeat(length)));
    }
}

proptest! {
    #[test]
    fn words_are_those_between_white_space(
        text in "[a-zA-Z0-9_.\\-é户 \n\r\u{1c}\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{205f}\u{3000}—]{0,200}",
    ) {
        check(&text);
    }

    #[test]
    fn any_text_is_mapped(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn parts_are_counted_by_themselves(text in "[a-cA-C0-9é户 ]{0,200}", cut in 0_usize..200) {
        let mut map = ByteMap::default();
        map.read(&text);
        let cut = text.floor_char_boundary(cut.min(text.len()));
        let tail = &text[cut..];
        let word = text[..cut].rsplit(' ').next().unwrap_or_default();
        if !word.is_empty() && word.len() <= 64 {
            let start = cut - word.len();
            let (from, to) = map.letter_to_letter(start, cut);
            let trimmed = word.trim_matches(|ch: char| !ch.is_ascii_alphabetic());
            prop_assert_eq!(&text[from..to], trimmed);
        }
        prop_assert_eq!(map.chars(0, cut) + map.chars(cut, text.len()), text.chars().count());
        prop_assert_eq!(map.capitals(cut, text.len()), capitals(tail));
        prop_assert_eq!(
            map.kinds(cut, text.len()).is_alphanumeric(),
            tail.bytes().all(|byte| byte.is_ascii_alphanumeric())
        );
    }
}
