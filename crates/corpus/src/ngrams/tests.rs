use super::*;
use proptest::prelude::*;

fn words(spelling: Spelling, text: &str) -> Vec<(String, WordPlace)> {
    let mut found = Vec::new();
    spelling.scan(
        text,
        &mut TextSink::new(|word: &str, place| {
            found.push((word.to_owned(), place));
            true
        }),
    );
    found
}

fn check(spelling: Spelling, text: &str, expected: &[&str]) {
    let found: Vec<String> = words(spelling, text).into_iter().map(|(word, _)| word).collect();
    assert_eq!(found, expected, "from {text:?}");
}

#[test]
fn plain_words_are_runs_of_letters_and_single_characters() {
    check(Spelling::Plain, "Don't  STOP, it's 3.14!", &["don", "t", "stop", "it", "s", "3", "14"]);
    check(Spelling::Plain, "Ünïcode Größe", &["ünïcode", "größe"]);
    check(Spelling::Plain, "中国GDP增长3%。", &["中", "国", "gdp", "增", "长", "3"]);
    check(Spelling::Plain, "ＡＢＣ１２", &["abc12"]);
    check(Spelling::Plain, "", &[]);
}

#[test]
fn datatrove_words_lose_numbers_and_diacritics() {
    check(Spelling::DataTrove, "Don't pay 1,234.50!", &["don", "t", "pay", "0", "0"]);
    check(Spelling::DataTrove, "a1b22.5c", &["a0b0c"]);
    check(Spelling::DataTrove, "Café ΟΔΟΣ", &["cafe", "οδος"]);
    check(Spelling::DataTrove, "x「y」z", &["x", "y", "z"]);
}

#[test]
fn a_run_has_the_same_hash_wherever_it_stands() {
    let hashes = |text: &str| {
        let mut hasher = RunHasher::new(&[2, 3]);
        let mut found = Vec::new();
        let visit = |hash, _| {
            hasher.push(hash, |words, run| {
                found.push((words, run));
                true
            })
        };
        Spelling::Plain.scan(text, &mut HashSink::new(visit));
        found
    };
    let (short, long) = (hashes("b c d"), hashes("a b c d e"));
    assert_eq!(short.len(), 3);
    assert!(short.iter().all(|run| long.contains(run)));
    assert_ne!(hashes("b c")[0], hashes("c b")[0]);
}

proptest! {
    #[test]
    fn a_word_hashed_in_place_is_the_word_written_out(text in "(\\PC|[ a-zA-Z0-9.,\n’éÉ中文１ς\u{300}]){0,40}") {
        for spelling in [Spelling::Plain, Spelling::DataTrove] {
            let mut hashes = Vec::new();
            let visit = |hash, place| {
                hashes.push((hash, place));
                true
            };
            spelling.scan(&text, &mut HashSink::new(visit));
            let words = words(spelling, &text);
            let of_words: Vec<_> = words.iter().map(|(w, p)| (hash_word(w), *p)).collect();
            prop_assert_eq!(hashes, of_words);
            prop_assert!(words.iter().all(|(word, _)| !word.is_empty()));
        }
    }

    #[test]
    fn words_read_again_from_their_place_are_the_same(text in "(\\PC|[ a-z0-9.,'’é中ΑΣ\u{300}]){0,40}") {
        for spelling in [Spelling::Plain, Spelling::DataTrove] {
            let all = words(spelling, &text);
            for (word, place) in &all {
                let again = words(spelling, &text[place.start..place.end]);
                prop_assert_eq!(&again[place.before].0, word);
            }
        }
    }
}
