//! Labels, cutting and history against LLaMA-Factory's own processor, on the templates that it
//! writes itself.

use crate::encode::truncate::room;
use crate::encode::{EncodeOptions, Encoder, Masking, TrainOn, Truncation};
use crate::test_support::{golden_json, tokenizer};
use catena_protocol::{ChatExtras, ChatMessage, ChatSample};
use catena_text::{ChatTemplate, SpecialTokens};
use serde_json::Value;

fn train_on(case: &Value) -> TrainOn {
    match (case["train_on_prompt"] == true, case["mask_history"] == true) {
        (true, _) => TrainOn::Everything,
        (_, true) => TrainOn::LastTurn,
        (false, false) => TrainOn::AllTurns,
    }
}

#[test]
fn rows_are_those_of_llamafactory() {
    let goldens = golden_json("llamafactory_sft.json");
    let cases = goldens["cases"].as_array().unwrap();
    assert!(cases.len() >= 200);
    let mut cut = 0;
    for case in cases {
        let name = case["template"].as_str().unwrap();
        let (made, end) = (&goldens["templates"][name], &goldens["templates"][name]["eos"]);
        let template = ChatTemplate::new(made["jinja"].as_str().unwrap(), "<s>", "</s>").unwrap();
        let tokenizer = tokenizer();
        let eos = tokenizer.token_id(end.as_str().unwrap());
        let special = SpecialTokens { bos: tokenizer.bos_token_id(), eos, ..Default::default() };
        let tokenizer = tokenizer.with_special_tokens(special).unwrap();
        let chat = usize::try_from(case["chat"].as_u64().unwrap()).unwrap();
        let messages: Vec<ChatMessage> =
            serde_json::from_value(goldens["chats"][chat].clone()).unwrap();
        let sample = ChatSample { messages, extras: ChatExtras::default() };
        let max_tokens = usize::try_from(case["cutoff_len"].as_u64().unwrap()).unwrap();
        let options = EncodeOptions {
            train_on: train_on(case),
            truncation: Truncation::Turns,
            masking: Masking::Prefix,
            train_after_end: true,
            ..EncodeOptions::new(max_tokens)
        };
        let encoder = Encoder::new(&tokenizer, Some(&template), options);
        let encoded = encoder.encode_chat("sample", &sample).unwrap();

        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        let labels: Vec<i64> = serde_json::from_value(case["labels"].clone()).unwrap();
        let text = |ids: &[u32]| tokenizer.decode(ids, false);
        assert_eq!(text(&encoded.tokens), text(&ids), "{case}");
        assert_eq!(encoded.tokens, ids, "{case}");
        // Theirs stand at the token itself, ours one before it.
        let theirs = labels.iter().skip(1).map(|label| u32::try_from(*label).ok());
        let theirs: Vec<Option<u32>> = theirs.chain([None]).collect();
        assert_eq!(encoded.labels, theirs, "{case}");
        cut += usize::from(encoded.lost_tokens > 0);
    }
    assert!(cut > 50, "{cut} rows are cut");
}

#[test]
fn room_is_shared_as_llamafactory_shares_it() {
    let lengths: Vec<[usize; 5]> =
        serde_json::from_value(golden_json("llamafactory_lengths.json")).unwrap();
    assert!(lengths.len() >= 100);
    for [prompt, answer, max, of_prompt, of_answer] in lengths {
        assert_eq!(room(prompt, answer, max), (of_prompt, of_answer), "{prompt} {answer} {max}");
    }
}
