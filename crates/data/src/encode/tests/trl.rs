//! Prompts and completions against TRL's tokens.

use super::golden::{ids, source};
use crate::encode::{EncodeOptions, Encoder};
use crate::test_support::{golden_json, template, tokenizer};
use catena_protocol::{ChatExtras, ChatSample, CompletionSample, Content};

#[test]
fn completions_of_messages_begin_where_trls_do() {
    let (goldens, tokenizer) = (golden_json("chat.json"), tokenizer());
    let mut compared = 0;
    for case in goldens["cases"].as_array().unwrap() {
        let Some(prompt_tokens) = case["prompt"].as_u64() else { continue };
        let name = case["template"].as_str().unwrap();
        if name.starts_with("corner") {
            continue;
        }
        let number = usize::try_from(case["conversation"].as_u64().unwrap()).unwrap();
        let mut sample: ChatSample =
            serde_json::from_value(goldens["conversations"][number].clone()).unwrap();
        let completion = vec![sample.messages.pop().unwrap()];
        let sample = CompletionSample {
            prompt: Content::Messages(sample.messages),
            completion: Content::Messages(completion),
            extras: sample.extras,
        };
        let template = template(&source(&goldens, name));
        let options = EncodeOptions { train_after_end: true, ..EncodeOptions::new(4096) };
        let encoder = Encoder::new(&tokenizer, Some(&template), options);
        let encoded = encoder.encode_completion("sample", &sample);
        let encoded = encoded.unwrap_or_else(|error| panic!("{name} {number}: {error}"));
        let (expected, prompt_tokens) =
            (ids(&case["ids"]), usize::try_from(prompt_tokens).unwrap());
        assert_eq!(encoded.prompt_tokens, prompt_tokens, "{name} {number}");
        assert_eq!(encoded.tokens, expected, "{name} {number}");
        assert_eq!(encoded.num_supervised(), expected.len() - prompt_tokens, "{name} {number}");
        compared += 1;
    }
    assert!(compared >= 80, "{compared}");
}

#[test]
fn completions_of_text_are_trls_where_no_token_spans_the_border() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, None, EncodeOptions::new(64));
    let (mut same, mut apart) = (0, 0);
    for case in golden_json("rows.json")["completions"].as_array().unwrap() {
        let text = |key: &str| Content::Text(case[key].as_str().unwrap().to_owned());
        let (prompt, completion) = (text("prompt"), text("completion"));
        let sample = CompletionSample { prompt, completion, extras: ChatExtras::default() };
        let encoded = encoder.encode_completion("sample", &sample).unwrap();
        let given = case["prompt"].as_str().unwrap();
        let alone = tokenizer.encode(given, true, false).unwrap();
        // The prompt is what serving makes of it, always.
        assert_eq!(encoded.tokens[..encoded.prompt_tokens], alone, "{case}");
        if usize::try_from(case["prompt_ids"].as_u64().unwrap()).unwrap() == alone.len() {
            assert_eq!(encoded.tokens, ids(&case["ids"]), "{case}");
            same += 1;
        } else {
            // TRL leaves the end of the prompt out of training, ours does not.
            let text = tokenizer.decode(&encoded.tokens, true);
            let whole = format!("{given}{}", case["completion"].as_str().unwrap());
            assert_eq!(text, whole);
            apart += 1;
        }
    }
    assert!(same >= 2 && apart >= 1, "{same} {apart}");
}
