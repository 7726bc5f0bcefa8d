//! Signing, keys and the index in memory.

use super::*;
use catena_protocol::Cancel;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// Made-up words, each different.
pub(super) fn text(words: std::ops::Range<usize>) -> String {
    let word = |n: usize| {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!("w{}{}{}{}", letter(n), letter(n / 26), letter(n / 676), letter(n / 17576))
    };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// For each text, the most similar earlier one that is kept, by the index in memory.
pub(super) fn judged_in_turn(texts: &[String], config: &MinHashConfig) -> Vec<Option<Duplicate>> {
    let (mut kept, mut places) = (NearIndex::new(config), Vec::new());
    let mut found = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let best = kept.best(text);
        if best.is_none() {
            kept.insert(text);
            places.push(at);
        }
        found.push(best.map(|best| Duplicate { of: places[best.of], ..best }));
    }
    found
}

fn near(texts: &[String], config: &MinHashConfig) -> Vec<Option<usize>> {
    let found = judged_in_turn(texts, config);
    found.into_iter().map(|one| one.map(|duplicate| duplicate.of)).collect()
}

pub(super) fn scratch(memory_bytes: usize, threads: usize) -> Scratch {
    let folder = std::env::temp_dir().try_into().unwrap();
    Scratch { folder, memory_bytes, threads }
}

#[test]
fn loose_keys_ignore_case_and_white_space() {
    let [a, b, c] = ["One  two", "three", "one\ntwo "].map(|t| content_key(t, KeyOptions::LOOSE));
    assert!(a == c && a != b, "{a} {b} {c}");
}

#[test]
fn near_duplicates_are_verified_with_the_exact_similarity() {
    // 200 words, 196 shingles. One changed word breaks 5: J = 191/201; 10 apart break 50.
    let changed = |every: usize| {
        let words = text(0..200);
        let words = words.split(' ').enumerate();
        let words = words.map(|(at, word)| if at % every == 7 { "other" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    let texts = [text(0..200), changed(200), changed(20), text(300..500)];
    assert_eq!(near(&texts, &MinHashConfig::default()), [None, Some(0), None, None]);
    let loose = MinHashConfig { threshold: 0.55, bands: 56, rows: 2, ..Default::default() };
    assert_eq!(near(&texts, &loose), [None, Some(0), Some(0), None]);
}

#[test]
fn documents_that_differ_in_figures_are_kept() {
    let with = |fee: &str| format!("{} {fee} {}", text(0..100), text(100..200));
    let texts = [with("$5.00"), with("$7.00"), with("$5.00")];
    let careful = MinHashConfig { keep_if_numbers_differ: true, ..Default::default() };
    assert_eq!(near(&texts, &careful), [None, None, Some(0)]);
    assert_eq!(near(&texts, &MinHashConfig::default()), [None, Some(0), Some(0)]);
}

#[test]
fn chinese_text_is_compared_by_characters() {
    let base = "客户可以在手机银行应用中申请更换信用卡，新卡将在七个工作日内寄出，旧卡同时失效。";
    let texts = [base.to_owned(), format!("{base}谢谢"), "其他内容".to_owned()];
    assert_eq!(near(&texts, &MinHashConfig::default()), [None, Some(0), None]);
}

#[test]
fn settings_out_of_range_are_refused() {
    let bad = MinHashConfig { threshold: 1.5, ..Default::default() };
    insta::assert_snapshot!(bad.check().unwrap_err(), @"`near_duplicate_threshold` is 1.5, expected above 0, at most 1");
    let bad = MinHashConfig { shingle: Shingle::Characters(0), ..Default::default() };
    insta::assert_snapshot!(bad.check().unwrap_err(), @"`shingle_characters` is 0, expected from 1 to 1000");
    let error = MinHashConfig::preset("refindweb").unwrap_err();
    insta::assert_snapshot!(error, @"no parameter set is called `refindweb`, perhaps `refinedweb`; known: catena, fineweb, datatrove, refinedweb, nemo, data-juicer, text-dedup");
    assert!(
        matches!(error, crate::CorpusError::UnknownName { nearest: Some(name), .. } if name == "refinedweb")
    );
}

#[test]
fn presets_have_the_published_bands() {
    let of = |name| {
        let config = MinHashConfig::preset(name).unwrap();
        config.check().unwrap();
        (config.bands, config.rows, (config.recall(0.8) * 1000.0).round() / 1000.0)
    };
    assert_eq!(
        MinHashConfig::PRESETS.map(of),
        [
            (20, 6, 0.998),
            (14, 8, 0.924),
            (14, 8, 0.924),
            (450, 20, 0.995),
            (20, 13, 0.677),
            (25, 10, 0.942),
            (24, 10, 0.935),
        ]
    );
}

/// Pairs of sets with a known similarity meet as often as the formula says.
#[test]
fn bands_meet_as_often_as_the_formula_says() {
    let config = MinHashConfig::default();
    let mut signer = Signer::new(&config);
    let mut keys = |text: &str| -> Vec<u64> {
        signer.sign(text);
        signer.band_keys().collect()
    };
    for (shared, own) in [(80_usize, 10_usize), (60, 20), (50, 25)] {
        let similarity = shared as f64 / (shared + 2 * own) as f64;
        let met = (0..2000_usize).filter(|pair| {
            let at = pair * 200;
            let common = text(at..at + 4 + shared);
            // 4 shared words before the border make `own` words `own` shingles.
            let a = keys(&format!("{common} {}", text(at + 90..at + 90 + own)));
            let b = keys(&format!("{common} {}", text(at + 150..at + 150 + own)));
            a.iter().zip(&b).any(|(a, b)| a == b)
        });
        let (share, expected) = (met.count() as f64 / 2000.0, config.recall(similarity));
        let deviation = (expected * (1.0 - expected) / 2000.0).sqrt();
        assert!((share - expected).abs() < 4.0 * deviation, "{similarity}: {share} {expected}");
    }
}

#[test]
fn near_copies_come_close_to_the_similarity_asked_for() {
    let original = text(0..204);
    let config = MinHashConfig { threshold: 0.01, bands: 64, rows: 1, ..Default::default() };
    let mut index = NearIndex::new(&config);
    index.insert(&original);
    for seed in 0..60 {
        for similarity in [0.8, 0.9, 1.0] {
            let copy = near_copy(&original, similarity, seed);
            assert_eq!(copy, near_copy(&original, similarity, seed));
            let found = index.best(&copy).unwrap().similarity;
            // Single words that happen to stand close to each other break fewer runs.
            assert!((-0.01..0.12).contains(&(found - similarity)), "{seed}: {found}");
        }
    }
    assert_eq!(near_copy(" ", 0.5, 1), "");
}

#[test]
fn keys_forgive_what_they_are_told_to() {
    let key = |text, ignore_case, ignore_white_space| {
        content_key(text, KeyOptions { ignore_case, ignore_white_space })
    };
    assert_eq!(key("A  b\n", true, true), key(" a B", true, true));
    assert_eq!(key("É\u{3000}x", true, true), key("é x\u{A0}", true, true));
    assert_ne!(key("A b", false, true), key("a b", false, true));
    assert_eq!(key("A  b", false, true), key("A b", false, true));
    assert_ne!(key("a  b", true, false), key("a b", true, false));
    assert_ne!(key("ab", true, true), key("a b", true, true));
    // The value itself must never change, as keys are kept between runs; it is what the Python
    // package xxhash computes.
    insta::assert_snapshot!(format!("{:032x}", key("catena", false, false)), @"8cd766082f8876068fc14ee931ec1b0a");
}

/// What is left of a text beside what is in `seen`.
fn unseen(
    text: &str,
    part: TextPart,
    least_chars: usize,
    keys: &mut Keys,
    seen: &mut HashSet<u128>,
) -> Unrepeated {
    let is_first = |key| Ok::<_, std::convert::Infallible>(seen.insert(key));
    drop_repeated_parts(text, part, least_chars, keys, is_first).unwrap()
}

#[test]
fn lines_and_paragraphs_seen_before_are_dropped() {
    let (mut seen, mut keys) = (HashSet::new(), Keys::new(KeyOptions::LOOSE));
    let mut lines = |text: &str| unseen(text, TextPart::Line, 3, &mut keys, &mut seen).text;
    assert_eq!(lines("Menu\nHome\n}\n"), "Menu\nHome\n}\n");
    assert_eq!(lines("menu \nNews\n}\n\nNews"), "News\n}\n\n");

    let (mut seen, mut keys) = (HashSet::new(), Keys::new(KeyOptions::STRICT));
    let first = unseen("\none\ntwo\n\n\nthree\n", TextPart::Paragraph, 1, &mut keys, &mut seen);
    assert_eq!((first.text.as_str(), first.num_dropped), ("\none\ntwo\n\n\nthree\n", 0));
    let second = unseen("one\ntwo\n \nfour\n\nthree", TextPart::Paragraph, 1, &mut keys, &mut seen);
    assert_eq!(second, Unrepeated { text: "four\n\n".into(), num_dropped: 2, dropped_bytes: 15 });
}

proptest! {
    #[test]
    fn first_of_each_agrees_with_a_hash_map(
        keys in proptest::collection::vec(0..40_u128, 0..300),
        memory in 1..20_000_usize,
        threads in 1..3_usize,
    ) {
        let keys: Vec<u128> = keys.into_iter().map(|key| key << 70 | key << 3).collect();
        let mut first = HashMap::new();
        let expected: Vec<u64> =
            (0..).zip(&keys).map(|(at, key)| *first.entry(*key).or_insert(at)).collect();
        let found = first_of_each(keys, &scratch(memory, threads), &Cancel::new()).unwrap();
        prop_assert_eq!(found.collect::<Result<Vec<_>, _>>().unwrap(), expected);
    }

    #[test]
    fn dropped_and_left_parts_are_the_whole(text in "[ab \n]{0,40}") {
        for part in [TextPart::Line, TextPart::Paragraph] {
            let mut keys = Keys::new(KeyOptions::STRICT);
            let mut seen = HashSet::new();
            let once = unseen(&text, part, 1, &mut keys, &mut seen);
            prop_assert_eq!(once.text.len() + once.dropped_bytes, text.len());
            let again = unseen(&text, part, 1, &mut keys, &mut seen);
            prop_assert!(again.text.trim().is_empty());
        }
    }
}
