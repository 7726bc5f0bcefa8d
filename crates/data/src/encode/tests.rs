//! Every boundary of an encoded record, on a tokenizer small enough to read; the rest against what
//! others make of the same.

mod blocks;
mod classify;
mod golden;
mod llamafactory;
mod options;
mod pairs;
mod trl;

use super::*;
use crate::record::{Record, Split};
use catena_protocol::{Message, Role};
use catena_text::{ChatTemplate, Tokenizer};

/// Three words and the control tokens of the template, enough to see every boundary.
const TOKENIZER: &str = r#"{"version":"1.0","added_tokens":[
 {"id":0,"content":"<|im_start|>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
 {"id":1,"content":"<|im_end|>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
 "normalizer":null,"post_processor":null,"decoder":null,"truncation":null,"padding":null,
 "pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\s"},"behavior":"Isolated","invert":false},
 "model":{"type":"WordLevel","unk_token":"?","vocab":{
  "<|im_start|>":0,"<|im_end|>":1,"?":2,"user":3,"assistant":4,"fee":5,"five":6,"[1]":7,"\n":8," ":9}}}"#;

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n\
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

fn tokenizer() -> Tokenizer {
    let config = br#"{"eos_token":"<|im_end|>"}"#;
    Tokenizer::from_json_bytes(TOKENIZER.as_bytes()).unwrap().with_config_json(config).unwrap()
}

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source, "", "<|im_end|>").unwrap()
}

fn record() -> Record {
    Record {
        id: "r1".into(),
        document_id: "d1".into(),
        split: Split::Train,
        question: "fee".into(),
        passages: vec![],
        messages: vec![Message::new(Role::User, "fee")],
        answer: "five [1]".into(),
        citation: 1,
    }
}

#[test]
fn the_loss_is_on_the_answer_and_its_end() {
    let encoded = encode_record(&tokenizer(), &template(TEMPLATE), &record(), 64).unwrap();
    let prompt = [0, 3, 8, 5, 1, 8, 0, 4, 8];
    assert_eq!(encoded.tokens, [&prompt[..], &[6, 9, 7, 1]].concat());
    assert_eq!(encoded.prompt_tokens, prompt.len());
    let unsupervised = vec![None; prompt.len() - 1];
    let supervised = vec![Some(6), Some(9), Some(7), Some(1), None];
    assert_eq!(encoded.labels, [unsupervised, supervised].concat());
    assert_eq!(encoded.num_supervised(), 4);
}

#[test]
fn a_long_row_loses_its_end_but_never_the_whole_answer() {
    let encode = |max| encode_record(&tokenizer(), &template(TEMPLATE), &record(), max);
    let cut = encode(11).unwrap();
    assert_eq!((cut.tokens.len(), cut.num_supervised()), (11, 2));
    assert_eq!(encode(10).unwrap().num_supervised(), 1);
    insta::assert_snapshot!(encode(9).unwrap_err(), @"the answer of record `r1` was cut off entirely: its prompt has 9 tokens, the limit is 9");
}

#[test]
fn a_template_that_rewrites_the_prompt_is_refused() {
    let rewriting = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}";
    let error = encode_record(&tokenizer(), &template(rewriting), &record(), 64).unwrap_err();
    insta::assert_snapshot!(error, @"the chat template renders the prompt of record `r1` differently once the answer follows (first difference at byte 0)");
    let failing = "{{ raise_exception('no') }}";
    let error = encode_record(&tokenizer(), &template(failing), &record(), 64).unwrap_err();
    insta::assert_snapshot!(error, @"cannot encode record `r1`");
}
