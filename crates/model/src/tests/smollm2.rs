//! The real model: tokens, conversations and a copy of its file.

use camino::Utf8PathBuf;
use catena_text::Tokenizer;
use serde_json::{Value, json};

use crate::checkpoint::WeightData;
use crate::gguf::{GgmlType, GgufFile};
use crate::{Checkpoint, ExportSource, FloatType, GgufRule, save_huggingface, write_gguf};

fn smollm2() -> Checkpoint {
    let folder = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let path = Utf8PathBuf::from(folder).join("smollm2-135m-instruct.q4_1.gguf");
    assert!(path.exists(), "{path} is missing; `make test` pulls the test models");
    Checkpoint::open(&path).unwrap()
}

fn golden(name: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../text/tests/golden/");
    let text = std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn check_tokens(tokenizer: &Tokenizer) {
    let golden = golden("smollm2_tokens.json");
    assert!(golden.len() >= 200);
    for entry in golden {
        let text = entry["text"].as_str().unwrap();
        let ids = tokenizer.encode(text, false, true).unwrap();
        assert_eq!(json!(ids), entry["ids"], "{text:?}");
        let literal = entry.get("literal").unwrap_or(&entry["ids"]);
        assert_eq!(&json!(tokenizer.encode(text, false, false).unwrap()), literal, "{text:?}");
        let decoded = entry.get("decoded").unwrap_or(&entry["text"]).as_str().unwrap();
        assert_eq!(tokenizer.decode(&ids, false), decoded);
        let skipped = entry.get("skipped").and_then(Value::as_str).unwrap_or(decoded);
        assert_eq!(tokenizer.decode(&ids, true), skipped);
    }
}

#[test]
fn tokens_are_those_of_transformers() {
    let tokenizer = smollm2().tokenizer().unwrap();
    check_tokens(&tokenizer);
    assert_eq!((tokenizer.vocab_size(), tokenizer.eos_token_id()), (49152, Some(2)));
    let again = Tokenizer::from_json_bytes(tokenizer.to_json().unwrap().as_bytes()).unwrap();
    check_tokens(&again);
}

#[test]
fn the_file_says_what_the_model_is() {
    let checkpoint = smollm2();
    let config = checkpoint.config();
    assert_eq!((config.hidden_size, config.head_dim, config.vocab_size), (576, 64, 49152));
    assert_eq!((config.num_attention_heads, config.num_key_value_heads), (9, 3));
    assert!(config.tie_word_embeddings);
    assert_eq!(checkpoint.tensor_names().count(), 272);
    let template = include_str!("../../../text/tests/golden/smollm2_template.jinja");
    assert_eq!(
        checkpoint.chat_template(&checkpoint.tokenizer().unwrap()).unwrap().unwrap().source(),
        template
    );
    let q_proj = checkpoint.weight("model.layers.0.self_attn.q_proj.weight").unwrap();
    assert!(matches!(q_proj.data, WeightData::Blocks { ref rows, .. } if rows.len() == 576));
}

/// Written with the rule that it was made by, every tensor has the same bytes again.
#[test]
fn writing_it_again_changes_no_tensor() {
    let checkpoint = smollm2();
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("again.gguf")).unwrap();
    let rule = GgufRule::standard(GgmlType::Q4_1);
    write_gguf(&path, &ExportSource::new(&checkpoint), rule).unwrap();
    let (first, again) = (checkpoint.gguf().unwrap(), GgufFile::open(&path).unwrap());
    assert_eq!(first.tensors().len(), again.tensors().len());
    for tensor in first.tensors() {
        assert_eq!(again.tensor(&tensor.name).unwrap().shape, tensor.shape);
        let same = again.tensor_bytes(&tensor.name) == first.tensor_bytes(&tensor.name);
        assert!(same, "{}", tensor.name);
    }
    assert!(first.keys().eq(again.keys()));
}

#[test]
fn its_folder_has_the_same_tokens() {
    let checkpoint = smollm2();
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    save_huggingface(&path, &ExportSource::new(&checkpoint), FloatType::Bf16).unwrap();
    let again = Checkpoint::open(&path).unwrap();
    assert_eq!(again.config(), checkpoint.config());
    let tokenizer = again.tokenizer().unwrap();
    check_tokens(&tokenizer);
    assert_eq!((tokenizer.bos_token_id(), tokenizer.eos_token_id()), (Some(1), Some(2)));
    let source = again.chat_template_source().unwrap();
    assert_eq!(source, checkpoint.chat_template_source().unwrap());
}
