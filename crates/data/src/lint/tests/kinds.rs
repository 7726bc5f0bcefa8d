//! Samples whose loss does not count tokens that follow: texts with labels, texts to compare.

use super::*;
use crate::test_support::{golden_json, wordpiece};
use catena_protocol::{
    ClassificationSample, EmbeddingSample, Label, RerankSample, TokenLabelSample,
};

fn classified(text: &str) -> TrainingSample {
    let (text, label) = (text.to_owned(), Label::Name("a".into()));
    TrainingSample::Classification(ClassificationSample { text, text_pair: None, label })
}

fn tagged(count: usize) -> TrainingSample {
    let tokens = vec!["word".to_owned(); count];
    let labels = vec![Label::Number(1.0); count];
    TrainingSample::TokenLabels(TokenLabelSample { tokens, labels })
}

fn near(anchor: &str, positive: &str) -> TrainingSample {
    let (anchor, positive) = (anchor.to_owned(), positive.to_owned());
    let negatives = vec!["other".to_owned()];
    TrainingSample::Embedding(EmbeddingSample { anchor, positive, negatives, score: None })
}

fn ranked(document: &str) -> TrainingSample {
    let (query, document) = ("query".to_owned(), document.to_owned());
    TrainingSample::Rerank(RerankSample { query, document, score: 1.0 })
}

fn look(samples: &[TrainingSample], max_tokens: usize) -> LintReport {
    check_with(samples, &wordpiece(), None, EncodeOptions::new(max_tokens))
}

#[test]
fn good_samples_of_every_kind_have_no_findings() {
    for sample in [classified("a text"), tagged(3), near("one", "two"), ranked("a text")] {
        let report = look(std::slice::from_ref(&sample), 64);
        assert_eq!(findings(&report), Vec::<String>::new());
        assert!(report.num_tokens > 2, "{report:?}");
        assert_eq!(report.num_trained, if sample == tagged(3) { 3 } else { 0 });
    }
}

#[test]
fn a_text_that_is_cut_is_a_warning_and_a_word_that_is_cut_an_error() {
    let long = "word ".repeat(50);
    let all = |sample: TrainingSample| {
        let report = look(&[sample], 16);
        assert_eq!(report.num_truncated, 1);
        findings(&report).join("\n")
    };
    let text = "Warning truncated all: 1 of 1 samples (100.0 %) lose the end of a text in rows of 16 tokens";
    assert_eq!(all(classified(&long)), text);
    assert_eq!(all(near("a", &long)), text);
    assert_eq!(all(ranked(&long)), text);
    let words =
        "Error truncated all: 1 of 1 samples (100.0 %) lose words with labels in rows of 16 tokens";
    assert_eq!(all(tagged(50)), words);
    // Below the share neither is a finding.
    let mut samples: Vec<TrainingSample> = (0..19).map(|at| classified(&format!("{at}"))).collect();
    samples.push(classified(&long));
    let report = look(&samples, 16);
    assert_eq!((findings(&report), report.num_truncated), (vec![], 1));
}

#[test]
fn what_has_no_tokens_or_no_words_is_found() {
    insta::assert_snapshot!(findings(&look(&[tagged(0)], 16)).join("\n"), @"
    Error nothing-trained 0: no word with a label is left to train on
    Warning empty-answer 0: the list of words is empty
    ");
    // A tokenizer that puts nothing around a text.
    let mut json = golden_json("wordpiece.json");
    json["post_processor"] = serde_json::Value::Null;
    let bare = Tokenizer::from_json_bytes(&serde_json::to_vec(&json).unwrap()).unwrap();
    let bare = check_with(&[classified("")], &bare, None, EncodeOptions::new(16));
    insta::assert_snapshot!(findings(&bare).join("\n"), @"
    Error no-tokens 0: a text has no tokens
    Warning empty-answer 0: the text is empty
    ");
    // The frame of a row alone is more than it may hold.
    assert_eq!(look(&[tagged(2)], 1).of("not-encodable").count(), 1);
}

/// What ends an answer is no matter of texts with labels.
#[test]
fn no_end_is_asked_of_samples_without_answers() {
    let tokenizer = tokenizer().with_special_tokens(SpecialTokens::default()).unwrap();
    let check = |sample| check_with(&[sample], &tokenizer, None, EncodeOptions::new(64));
    assert_eq!(check(classified("a")).of("no-eos").count(), 0);
    let text = TrainingSample::Text(TextSample { text: "a".into() });
    let report = check(text);
    assert_eq!(report.of("no-eos").count(), 1);
    assert!(!report.has_errors(), "{:?}", findings(&report));
}
