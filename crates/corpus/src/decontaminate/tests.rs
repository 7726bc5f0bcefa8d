use super::*;
use crate::ngrams::Spelling;
use proptest::prelude::*;

const ITEM: &str = "What is the capital of the small country that lies between the two seas?";

fn build(items: &[(&str, &str)], options: &DecontaminationOptions) -> Decontaminator {
    Decontaminator::build(items.iter().copied(), options).unwrap()
}

fn check(text: &str, expected: Option<(&str, usize)>) {
    let items = [("other", "short"), ("geo", "nothing of note here"), ("geo", ITEM)];
    let found = build(&items, &DecontaminationOptions::gpt3()).check(text);
    let found = found.as_ref().map(|found| (found.benchmark.as_str(), found.item));
    assert_eq!(found, expected, "in {text:?}");
}

#[test]
fn a_run_of_thirteen_words_is_found_whatever_its_spelling() {
    check(&format!("Some text before. {ITEM} And after."), Some(("geo", 1)));
    check(&ITEM.to_uppercase().replace(' ', " -- "), Some(("geo", 1)));
    check("the capital of the small country that lies between the two seas", None);
    check("what is the capital of a small country that lies between the two seas", None);
    check("", None);
}

#[test]
fn the_place_and_the_words_are_told() {
    let text = format!("Quiz: {ITEM}");
    let found = build(&[("geo", ITEM)], &DecontaminationOptions::gpt3()).check(&text).unwrap();
    assert_eq!(
        &text[found.span.clone()],
        "What is the capital of the small country that lies between the two"
    );
    assert_eq!(found.ngram, "what is the capital of the small country that lies between the two");
    assert_eq!((found.matches, found.overlap), (1, 0.5));
}

#[test]
fn chinese_is_compared_by_characters() {
    let item = "请问下列哪一个城市是位于长江入海口的直辖市？";
    let mut index = build(&[("zh", item)], &DecontaminationOptions::gpt3());
    let found = index.check(&format!("练习题：{item}答案是上海。")).unwrap();
    assert_eq!(found.benchmark, "zh");
    assert_eq!(index.check("下列哪一个城市位于长江入海口？"), None);
}

#[test]
fn matches_and_overlap_can_be_asked_for() {
    let words: Vec<String> = (0..40).map(|n| format!("w{n}")).collect();
    let (all, half) = (words.join(" "), words[..20].join(" "));
    let strict = DecontaminationOptions { min_overlap: 0.5, ..DecontaminationOptions::gpt3() };
    let mut index = build(&[("a", &all)], &strict);
    assert_eq!(index.check(&half), None);
    let found = index.check(&all).unwrap();
    assert_eq!((found.matches, found.overlap), (28, 1.0));
    let eight = DecontaminationOptions { min_matches: 8, ..DecontaminationOptions::gpt3() };
    assert_eq!(build(&[("a", &all)], &eight).check(&half).unwrap().matches, 8);
    let nine = DecontaminationOptions { min_matches: 9, ..DecontaminationOptions::gpt3() };
    assert_eq!(build(&[("a", &all)], &nine).check(&half), None);
}

#[test]
fn a_question_alone_does_not_count_for_datatrove() {
    let query: Vec<String> = (0..20).map(|n| format!("q{}", char::from(b'a' + n))).collect();
    let item = BenchmarkItem { benchmark: "b", query: Some(&query.join(" ")), text: "yes it is" };
    let options = DecontaminationOptions::datatrove();
    let mut index = Decontaminator::build([item], &options).unwrap();
    assert_eq!(index.check(&query.join(" ")), None);
    assert!(index.check(&format!("{} yes", query[9..].join(" "))).is_some());
}

#[test]
fn options_out_of_range_are_refused() {
    let bad = DecontaminationOptions { shortest: 14, ..DecontaminationOptions::gpt3() };
    insta::assert_snapshot!(bad.check().unwrap_err(), @"`shortest` is 14, expected from 1 to `ngram`");
}

/// Whether the words of `text` hold a run of `n` words of `item`: the plain definition.
fn naive(text: &[&str], item: &[&str], n: usize) -> bool {
    text.windows(n).any(|run| item.windows(n).any(|other| other == run))
}

proptest! {
    #[test]
    fn the_verdict_is_that_of_the_plain_definition(
        text in proptest::collection::vec("[abc]", 0..60),
        items in proptest::collection::vec(proptest::collection::vec("[abc]", 0..12), 0..4),
        n in 1usize..6,
    ) {
        let options = DecontaminationOptions { ngram: n, shortest: n, ..Default::default() };
        let texts: Vec<String> = items.iter().map(|item| item.join(" ")).collect();
        let pairs = texts.iter().map(|text| ("b", text.as_str()));
        let mut index = Decontaminator::build(pairs, &options).unwrap();
        let words: Vec<&str> = text.iter().map(String::as_str).collect();
        let expected = items.iter().any(|item| {
            let item: Vec<&str> = item.iter().map(String::as_str).collect();
            naive(&words, &item, n)
        });
        prop_assert_eq!(index.check(&text.join(" ")).is_some(), expected);
        prop_assert_eq!(index.check_words(&words).is_some(), expected);
    }

    #[test]
    fn any_text_is_checked(text in "\\PC{0,200}", item in "\\PC{0,60}") {
        for spelling in [Spelling::Plain, Spelling::DataTrove] {
            let options = DecontaminationOptions { ngram: 2, shortest: 1, spelling, ..Default::default() };
            let mut index = Decontaminator::build([("b", item.as_str())], &options).unwrap();
            if let Some(found) = index.check(&text) {
                prop_assert!(text.get(found.span).is_some());
            }
        }
    }
}
