//! Rendered conversations and their masks against transformers' `apply_chat_template`.

use crate::encode::{EncodeOptions, Encoder, Masking, TrainOn};
use crate::preview::{preview, preview_text};
use crate::test_support::{golden, golden_json, template, tokenizer};
use catena_protocol::ChatSample;
use serde_json::Value;

/// Where SmolLM2's template stands.
const SMOLLM2: &str = "../../../text/tests/golden/smollm2_template.jinja";

pub(super) fn source(goldens: &Value, name: &str) -> String {
    if let Some(corner) = goldens["corners"].get(name) {
        return corner.as_str().unwrap().to_owned();
    }
    let file = match name {
        "smollm2" => golden().join(SMOLLM2),
        name => golden().join(format!("templates/{name}.jinja")),
    };
    std::fs::read_to_string(file).unwrap()
}

pub(super) fn ids(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Positions in the ranges of a golden mask.
fn mask(value: &Value, len: usize) -> Vec<bool> {
    let ranges: Vec<(usize, usize)> = serde_json::from_value(value.clone()).unwrap();
    (0..len).map(|at| ranges.iter().any(|(from, to)| (*from..*to).contains(&at))).collect()
}

#[test]
fn renderings_and_masks_are_those_of_transformers() {
    let (goldens, tokenizer) = (golden_json("chat.json"), tokenizer());
    let (mut compared, mut masked) = (0, 0);
    for case in goldens["cases"].as_array().unwrap() {
        let name = case["template"].as_str().unwrap();
        let number = usize::try_from(case["conversation"].as_u64().unwrap()).unwrap();
        let sample: ChatSample =
            serde_json::from_value(goldens["conversations"][number].clone()).unwrap();
        let template = template(&source(&goldens, name));
        let marked = case.get("mask").is_some();
        let train_on = if marked { TrainOn::AllTurns } else { TrainOn::Everything };
        let options = EncodeOptions { train_on, ..EncodeOptions::new(4096) };
        let encoder = Encoder::new(&tokenizer, Some(&template), options);
        let encoded = encoder.encode_chat("sample", &sample);
        if case.get("fails").is_some() {
            // Jinja refuses to trim what is not there; ours may trim it to nothing.
            let lenient = case["fails"] != "TemplateError";
            assert!(lenient || encoded.is_err(), "{name} {number} is rendered");
            continue;
        }
        let encoded = encoded.unwrap_or_else(|error| panic!("{name} {number}: {error:?}"));
        let expected = ids(&case["ids"]);
        let text = |ids: &[u32]| tokenizer.decode(ids, false);
        assert_eq!(text(&encoded.tokens), text(&expected), "{name} {number}");
        assert_eq!(encoded.tokens, expected, "{name} {number}");
        compared += 1;
        if marked {
            let trained: Vec<bool> = (0..expected.len()).map(|at| encoded.is_trained(at)).collect();
            let mut wanted = mask(&case["mask"], expected.len());
            // Nothing stands before the first token that could predict it.
            if let Some(first) = wanted.first_mut() {
                *first = false;
            }
            assert_eq!(trained, wanted, "{name} {number}");
            assert_eq!(template.marks_generation(), marked);
            masked += 1;
        }
    }
    assert!(compared > 180 && masked > 115, "{compared} renderings, {masked} masks");
}

#[test]
fn templates_without_marks_are_masked_as_those_with() {
    let (goldens, tokenizer) = (golden_json("chat.json"), tokenizer());
    let mut compared = 0;
    for (plain, marked) in
        [("llama3", "llama3_training"), ("gemma", "gemma_training"), ("phi3", "phi3_training")]
    {
        for conversation in goldens["conversations"].as_array().unwrap() {
            let sample: ChatSample = serde_json::from_value(conversation.clone()).unwrap();
            let shown = |name: &str, masking| {
                let template = template(&source(&goldens, name));
                let options =
                    EncodeOptions { train_after_end: true, masking, ..EncodeOptions::new(4096) };
                let encoder = Encoder::new(&tokenizer, Some(&template), options);
                let encoded = encoder.encode_chat("sample", &sample).ok()?;
                Some(preview_text(&preview(&tokenizer, &encoded)))
            };
            let (prefix, marks) = (shown(plain, Masking::Prefix), shown(marked, Masking::Auto));
            let (Some(prefix), Some(marks)) = (prefix, marks) else { continue };
            // The same text is trained. White space before a word may be cut into other tokens, and
            // what follows the last answer is left out where answers are found by rendering.
            let rest = marks.strip_prefix(&prefix);
            let rest = rest.unwrap_or_else(|| panic!("{plain}: {prefix} is not {marks}"));
            assert!(!rest.contains('«'), "{plain}: {rest}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "{compared}");
}
