//! Rows of classifiers against transformers'.

use super::golden::ids;
use crate::encode::{Classes, EncodedLabel, TextEncoder};
use crate::test_support::{golden_json, wordpiece};
use catena_protocol::{
    ClassificationSample, EmbeddingSample, Label, RerankSample, TokenLabelSample,
};

#[test]
fn texts_and_pairs_are_framed_and_cut_as_in_transformers() {
    let (goldens, tokenizer) = (golden_json("rows.json"), wordpiece());
    for case in goldens["classify"]["rows"].as_array().unwrap() {
        let max = usize::try_from(case["max"].as_u64().unwrap()).unwrap();
        let encoder = TextEncoder::new(&tokenizer, max);
        let first = case["first"].as_str().unwrap();
        let row = encoder.encode("row", first, case["second"].as_str()).unwrap();
        assert_eq!(row.tokens.ids, ids(&case["ids"]), "{case}");
        assert_eq!(row.tokens.types, ids(&case["types"]), "{case}");
    }
}

#[test]
fn words_have_their_label_at_their_first_token() {
    let (goldens, tokenizer) = (golden_json("rows.json"), wordpiece());
    for case in goldens["classify"]["words"].as_array().unwrap() {
        let tokens: Vec<String> = serde_json::from_value(case["words"].clone()).unwrap();
        let labels: Vec<Label> = (0..tokens.len()).map(|at| Label::Number(at as f64)).collect();
        let classes = Classes::of(&labels);
        let max = usize::try_from(case["max"].as_u64().unwrap()).unwrap();
        let sample = TokenLabelSample { tokens, labels };
        let encoder = TextEncoder::new(&tokenizer, max);
        let encoded = encoder.encode_words("words", &sample, &classes).unwrap();
        assert_eq!(encoded.tokens, ids(&case["ids"]), "{case}");
        let words: Vec<Option<usize>> = serde_json::from_value(case["word_ids"].clone()).unwrap();
        let mut before = None;
        let expected: Vec<Option<EncodedLabel>> = words
            .iter()
            .map(|word| {
                let begins = word.is_some() && *word != before;
                before = *word;
                word.filter(|_| begins).map(EncodedLabel::Class)
            })
            .collect();
        assert_eq!(encoded.labels, expected, "{case}");
        assert_eq!(encoded.lost_words > 0, max == 5 && encoded.tokens.len() == 5, "{case}");
    }
}

#[test]
fn classes_are_names_numbers_or_scores() {
    let names = ["b", "a", "b"].map(|name| Label::Name(name.into()));
    assert_eq!(Classes::of(&names), Classes::Named(vec!["a".into(), "b".into()]));
    let digits = ["10", "9", "0"].map(|name| Label::Name(name.into()));
    assert_eq!(Classes::of(&digits), Classes::Named(vec!["0".into(), "9".into(), "10".into()]));
    let numbers = [0.0, 3.0].map(Label::Number);
    assert_eq!(Classes::of(&numbers).count(), Some(4));
    let scores = [0.0, 0.5].map(Label::Number);
    assert_eq!(Classes::of(&scores), Classes::Score);
    let classes = Classes::of(&names);
    assert_eq!(classes.encode("s", &names[0]).unwrap(), EncodedLabel::Class(1));
    let error = classes.encode("sample 3", &Label::Name("c".into())).unwrap_err();
    insta::assert_snapshot!(error, @"`sample 3` has the label `c`, which is none of the 2 classes");
    assert_eq!(Classes::Score.encode("s", &scores[1]).unwrap(), EncodedLabel::Score(0.5));
    assert!(Classes::Numbered(2).encode("s", &Label::Number(2.0)).is_err());
}

#[test]
fn pairs_triplets_and_scores_are_rows() {
    let tokenizer = wordpiece();
    let encoder = TextEncoder::new(&tokenizer, 16);
    let sample = EmbeddingSample {
        anchor: "fee".into(),
        positive: "the fee".into(),
        negatives: vec!["card".into(), "x".into()],
        score: None,
    };
    assert_eq!(encoder.encode_embedding("e", &sample).unwrap().len(), 4);
    let sample = RerankSample { query: "fee".into(), document: "the fee".into(), score: 2.0 };
    let (row, score) = encoder.encode_rerank("r", &sample).unwrap();
    assert_eq!((row.tokens.types.last(), score), (Some(&1), 2.0));
    let label = Label::Name("card".into());
    let classes = Classes::of([&label]);
    let sample = ClassificationSample { text: "fee".into(), text_pair: None, label };
    let (row, label) = encoder.encode_classification("c", &sample, &classes).unwrap();
    assert_eq!((row.lost_tokens, label), (0, EncodedLabel::Class(0)));
    let tiny = TextEncoder::new(&tokenizer, 1);
    assert!(tiny.encode("c", "fee", None).is_err());
}
