//! What is refused, and in which words.

use crate::encoder::{
    EncodeError, Encoder, EncoderInput, SequenceClassifier, TextEmbedder, TokenClassifier,
};
use crate::error::ModelError;
use crate::linear::LoadOptions;
use crate::test_support::golden;
use camino::Utf8Path;
use catena_kernels::Pool;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;

/// A golden's folder with its `config.json` changed.
pub(super) fn changed(name: &str, change: impl Fn(&mut Value)) -> TempDir {
    let (from, to) = (golden("encoders").join(name), TempDir::new().unwrap());
    for entry in from.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_file() {
            std::fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let path = to.path().join("config.json");
    let mut config = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(&path, config.to_string()).unwrap();
    to
}

fn path(dir: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(dir.path()).unwrap()
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

/// The error without the folder's name.
fn refused(name: &str, change: impl Fn(&mut Value)) -> String {
    let dir = changed(name, change);
    let error = Encoder::load(path(&dir), pool()).map(|_| ()).unwrap_err();
    error.to_string().replace(path(&dir).as_str(), "DIR")
}

#[test]
fn families_that_we_do_not_run_are_refused_by_name_with_the_nearest() {
    let unknown = |name: &str| refused("bert", |config| config["model_type"] = json!(name));
    insta::assert_snapshot!(
        [unknown("distilbert"), unknown("nomic_bert"), unknown("llama")].join("\n"), @r"
    architecture `distilbert` in `DIR/config.json` is not supported; the nearest is `bert`; supported: bert, roberta, xlm-roberta, camembert, modernbert
    architecture `nomic_bert` in `DIR/config.json` is not supported; the nearest is `modernbert`; supported: bert, roberta, xlm-roberta, camembert, modernbert
    architecture `llama` in `DIR/config.json` is not supported; supported: bert, roberta, xlm-roberta, camembert, modernbert
    ");
}

#[test]
fn values_that_we_do_not_run_are_refused_by_name() {
    let key =
        |name: &str, key: &str, value: Value| refused(name, |config| config[key] = value.clone());
    insta::assert_snapshot!(
        [
            key("bert", "position_embedding_type", json!("relative_key")),
            key("bert", "hidden_act", json!("mish")),
            key("bert", "is_decoder", json!(true)),
            key("bert", "num_attention_heads", json!(0)),
            key("bert", "num_attention_heads", json!(5)),
            key("bert", "num_hidden_layers", json!(u64::MAX)),
            key("bert", "vocab_size", json!(1u64 << 60)),
            key("bert", "id2label", json!({"0": "a", "2": "b"})),
            key("roberta", "max_position_embeddings", json!(1)),
            key("roberta", "pad_token_id", json!(u32::MAX)),
            key("modernbert", "hidden_activation", json!("relu")),
            key("modernbert", "layer_types", json!(["full_attention"])),
            key("modernbert", "rope_parameters", json!({"full_attention": {"rope_type": "yarn"}})),
            key("modernbert", "rope_parameters", json!({"full_attention": {"rope_theta": -1.0}})),
        ]
        .join("\n")
    );
}

#[test]
fn weights_that_disagree_with_the_configuration_are_refused() {
    let key =
        |name: &str, key: &str, value: Value| refused(name, |config| config[key] = value.clone());
    insta::assert_snapshot!(
        [
            key("bert", "hidden_size", json!(64)),
            key("bert", "num_hidden_layers", json!(1)),
            key("bert", "num_hidden_layers", json!(3)),
            key("modernbert", "mlp_bias", json!(true)),
            key("modernbert_sequence", "norm_bias", json!(false)),
        ]
        .join("\n")
    );
}

#[test]
fn a_checkpoint_with_another_head_is_refused_with_what_it_loads_as() {
    let dir = |name: &str| golden("encoders").join(name);
    let options = LoadOptions::default();
    let sequence =
        |name: &str| SequenceClassifier::load_with(&dir(name), pool(), options).map(|_| ());
    let tokens = |name: &str| TokenClassifier::load_with(&dir(name), pool(), options).map(|_| ());
    let text = |error: Result<(), ModelError>| {
        error.unwrap_err().to_string().replace(golden("encoders").as_str(), "DIR")
    };
    insta::assert_snapshot!([
        text(sequence("bert")),
        text(sequence("roberta_tokens")),
        text(tokens("modernbert_sequence")),
        text(tokens("bert_mlm")),
    ].join("\n"), @r"
    `BertModel` in `DIR/bert/config.json` is not a sequence classifier; it loads as an encoder without a head
    `RobertaForTokenClassification` in `DIR/roberta_tokens/config.json` is not a sequence classifier; it loads as a token classifier
    `ModernBertForSequenceClassification` in `DIR/modernbert_sequence/config.json` is not a token classifier; it loads as a sequence classifier
    `BertForMaskedLM` in `DIR/bert_mlm/config.json` is not a token classifier; it loads as an encoder without a head
    ");
}

#[test]
fn modules_that_we_do_not_run_are_refused() {
    let modules = |modules: Value| {
        let dir = changed("embed_mean", |_| {});
        std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        let pooling = json!({"pooling_mode": "mean"}).to_string();
        std::fs::write(dir.path().join("1_Pooling/config.json"), pooling).unwrap();
        std::fs::write(dir.path().join("modules.json"), modules.to_string()).unwrap();
        TextEmbedder::load(path(&dir), pool())
            .map(|embedder| embedder.config().clone())
            .map_err(|error| error.to_string().replace(path(&dir).as_str(), "DIR"))
    };
    let module = |kind: &str, path: &str| json!({"type": format!("x.{kind}"), "path": path});
    let pooling = || module("Pooling", "1_Pooling");
    assert!(!modules(json!([pooling()])).unwrap().normalize);
    let refused = [
        json!([module("LSTM", "1_LSTM")]),
        json!([module("Pooling", "../1_Pooling")]),
        json!([module("Normalize", "1_Normalize"), pooling()]),
    ];
    let refused = refused.map(|refused| modules(refused).unwrap_err());
    insta::assert_snapshot!(refused.join("\n"), @r"
    `type` is x.LSTM in `DIR/modules.json`, supported are a Transformer, Pooling, Dense layers, and Normalize at the end
    `path` is ../1_Pooling in `DIR/modules.json`, supported are a Transformer, Pooling, Dense layers, and Normalize at the end
    `type` is x.Pooling in `DIR/modules.json`, supported are a Transformer, Pooling, Dense layers, and Normalize at the end
    ");
}

#[test]
fn token_types_are_checked_where_the_encoder_has_them() {
    let run = |name: &str, token_types: &[u32]| {
        let encoder = Encoder::load(&golden("encoders").join(name), pool()).unwrap();
        encoder.hidden_states(&[EncoderInput { tokens: &[2, 40, 3], token_types }])
    };
    let count = EncodeError::TypeCount { text: 0, tokens: 3, types: 2 };
    assert_eq!(run("bert", &[0, 0]).unwrap_err(), count);
    let unknown = EncodeError::UnknownType { text: 0, found: 2, type_vocab_size: 2 };
    assert_eq!(run("bert", &[0, 1, 2]).unwrap_err(), unknown);
    assert_ne!(run("bert", &[0, 1, 1]).unwrap(), run("bert", &[]).unwrap());
    for one_type in ["roberta", "modernbert"] {
        assert_eq!(run(one_type, &[0, 1, 1]).unwrap(), run(one_type, &[]).unwrap());
    }
}
