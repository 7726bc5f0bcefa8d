//! Decoders in folders of models that also see pictures.

use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::RopeScaling;
use serde_json::{Value, json};

use crate::test_support::{composite_gemma3, golden};
use crate::{Checkpoint, ModelConfig, ModelError};

/// How a tensor of the decoder is named in the folder.
type Rename = fn(&str) -> String;

#[test]
fn the_part_that_writes_is_read_under_both_spellings() {
    let first = Checkpoint::open(&golden("families/gemma3")).unwrap();
    let spellings: [(Rename, &str); 2] = [
        (|name| format!("language_model.{name}"), ""),
        (|name| name.replacen("model.", "model.language_model.", 1), "model."),
    ];
    for (rename, before) in spellings {
        let folder = composite_gemma3(rename, before);
        let found = Checkpoint::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        assert_eq!(found.config().difference(first.config()), None);
        assert_eq!(found.config().eos_token_ids, [2, 5], "they stand with the whole model");
        assert!(found.tensor_names().eq(first.tensor_names()));
        for name in first.tensor_names() {
            assert_eq!(found.weight(name).unwrap(), first.weight(name).unwrap(), "{name}");
        }
    }
}

#[test]
fn a_tensor_of_no_part_is_refused() {
    let folder = composite_gemma3(|name| format!("language_model.{name}"), "audio_tower.");
    let refused = Checkpoint::open(Utf8Path::from_path(folder.path()).unwrap()).map(|_| ());
    assert!(matches!(refused, Err(ModelError::UnexpectedTensor { .. })), "{refused:?}");
}

fn read(config: &Value) -> Result<ModelConfig, ModelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("config.json")).unwrap();
    std::fs::write(&path, config.to_string()).unwrap();
    ModelConfig::read(&path)
}

/// As gemma-3-4b-it has it: most sizes are those of the class.
#[test]
fn what_a_text_part_leaves_out_is_what_its_class_has() {
    let config = json!({
        "architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": [1, 106],
        "model_type": "gemma3",
        "text_config": {
            "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
            "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
            "sliding_window": 1024,
        },
    });
    let config = read(&config).unwrap();
    let heads = (config.num_attention_heads, config.num_key_value_heads, config.head_dim);
    assert_eq!((config.model_type, heads), ("gemma3_text", (8, 4, 256)));
    assert_eq!((config.vocab_size, config.max_position_embeddings), (262_208, 131_072));
    assert_eq!((config.attention_scale, config.tie_word_embeddings), (1.0 / 16.0, true));
    assert_eq!((config.bos_token_id, config.eos_token_ids.as_slice()), (Some(2), &[1, 106][..]));
    for (idx, layer) in config.layers.iter().enumerate() {
        let window = (idx % 6 != 5).then_some(1024);
        assert_eq!(layer.sliding_window, window, "layer {idx}");
    }
    let [full, local] = config.rope_parameters.as_slice() else { panic!("two embeddings") };
    assert_eq!((full.theta, &full.scaling), (1e6, &RopeScaling::Linear { factor: 8.0 }));
    assert_eq!((local.theta, &local.scaling), (1e4, &RopeScaling::None));
}

#[test]
fn other_families_are_read_and_missing_parts_are_refused() {
    let text = json!({
        "model_type": "mistral", "hidden_size": 64, "intermediate_size": 96, "head_dim": 32,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 96,
        "rms_norm_eps": 1e-5, "rope_theta": 1e9, "sliding_window": null,
    });
    let mistral = read(&json!({"model_type": "mistral3", "text_config": text})).unwrap();
    assert_eq!((mistral.model_type, mistral.rope_theta()), ("mistral", 1e9));
    let missing = read(&json!({"model_type": "mistral3"}));
    assert!(matches!(missing, Err(ModelError::MissingKey { .. })), "{missing:?}");
    let foreign = read(&json!({"model_type": "gemma3", "text_config": {"model_type": "mamba"}}));
    let Err(ModelError::UnsupportedArchitecture { found, known, .. }) = foreign else {
        panic!("another error")
    };
    assert_eq!(found, "mamba");
    assert!(known.contains(&"gemma3") && known.contains(&"gemma3_text"), "{known:?}");
}
