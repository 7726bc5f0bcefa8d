//! Samples of every kind as they are shown.

use super::*;
use crate::encode::EncodeOptions;
use crate::test_support::{CHATML, chat_sample, template, tokenizer, wordpiece};
use catena_protocol::TrainingSample;
use catena_text::Tokenizer;
use serde_json::{Value, json};

/// Rows, one a line: the title, the text, and its numbers.
fn shown(tokenizer: &Tokenizer, max_tokens: usize, sample: &TrainingSample) -> String {
    let (template, options) = (template(CHATML), EncodeOptions::new(max_tokens));
    let rows = preview_sample(tokenizer, Some(&template), &options, "sample", sample).unwrap();
    let line = |row: &SampleRow| {
        let text = row.text.replace('\n', "\\n");
        let SampleRow { title, num_tokens, num_trained, num_lost, .. } = row;
        format!("{title}| {text} |{num_tokens} {num_trained} {num_lost}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn sample(value: Value) -> TrainingSample {
    serde_json::from_value(value).unwrap()
}

#[test]
fn answers_are_shown_with_what_is_trained() {
    let tokenizer = tokenizer();
    let chat = chat_sample(&[("user", "a"), ("assistant", "b")]);
    insta::assert_snapshot!(shown(&tokenizer, 64, &chat), @r"| <|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«b<|im_end|>» |14 2 0");
    let pair = sample(json!({"kind": "preference", "prompt": "a", "chosen": "b", "rejected": "c"}));
    insta::assert_snapshot!(shown(&tokenizer, 64, &pair), @"
    chosen| <s>a«b<|im_end|>» |4 2 0
    rejected| <s>a«c<|im_end|>» |4 2 0
    ");
    let judged = json!({"kind": "unpaired", "prompt": "a", "completion": "b", "label": false});
    insta::assert_snapshot!(shown(&tokenizer, 64, &sample(judged)), @"not wanted| <s>a«b<|im_end|>» |4 2 0");
}

#[test]
fn texts_are_shown_with_their_labels() {
    let tokenizer = wordpiece();
    let classified = sample(json!({"kind": "classification", "text": "a fee", "label": "money"}));
    insta::assert_snapshot!(shown(&tokenizer, 64, &classified), @"label money| [CLS] a fee[SEP] |4 0 0");
    let words =
        json!({"kind": "token_labels", "tokens": ["the", "fees", "of"], "labels": ["O", "B", "O"]});
    insta::assert_snapshot!(shown(&tokenizer, 64, &sample(words.clone())), @"| [CLS] the[O] fee[B]s of[O][SEP] |6 3 0");
    insta::assert_snapshot!(shown(&tokenizer, 4, &sample(words)), @"| [CLS] the[O] fee[B][SEP] |4 2 2");
    let near = json!({"kind": "embedding", "anchor": "a", "positive": "b", "negatives": ["c", "d"], "score": 0.5});
    insta::assert_snapshot!(shown(&tokenizer, 64, &sample(near)), @"
    anchor| [CLS] a[SEP] |3 0 0
    positive, score 0.5| [CLS] b[SEP] |3 0 0
    negative| [CLS] c[SEP] |3 0 0
    negative| [CLS] d[SEP] |3 0 0
    ");
    let ranked = json!({"kind": "rerank", "query": "a", "document": "a b c d", "score": 1.0});
    insta::assert_snapshot!(shown(&tokenizer, 6, &sample(ranked)), @"query and document, score 1| [CLS] a[SEP] a b[SEP] |6 0 2");
}

#[test]
fn what_cannot_be_encoded_says_so() {
    let words = sample(json!({"kind": "token_labels", "tokens": ["a"], "labels": [1]}));
    let options = EncodeOptions::new(1);
    assert!(preview_sample(&wordpiece(), None, &options, "sample", &words).is_err());
}
