use camino::Utf8PathBuf;
use serde_json::{Value, json};

use super::ModelConfig;
use crate::ModelError;

fn llama() -> Value {
    json!({
        "model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152,
        "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
        "tie_word_embeddings": true, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
    })
}

fn read(config: &Value) -> Result<ModelConfig, ModelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("config.json")).unwrap();
    std::fs::write(&path, config.to_string()).unwrap();
    ModelConfig::read(&path)
}

fn changed(key: &str, value: Value) -> Result<ModelConfig, ModelError> {
    let mut config = llama();
    config[key] = value;
    read(&config)
}

#[test]
fn defaults_and_both_spellings() {
    let config = read(&llama()).unwrap();
    assert_eq!((config.head_dim, config.eos_token_ids.as_slice()), (64, &[2u32][..]));
    let many = changed("eos_token_id", json!([2, 0])).unwrap();
    assert_eq!(many.eos_token_ids, [2, 0]);
    let new =
        changed("rope_parameters", json!({"rope_theta": 5e5, "rope_type": "default"})).unwrap();
    assert_eq!(new.rope_theta(), 5e5);
    assert_eq!(changed("rope_scaling", Value::Null).unwrap(), config);
    assert_eq!(changed("num_key_value_heads", Value::Null).unwrap().num_key_value_heads, 9);
}

#[test]
fn what_is_written_is_read() {
    let config = read(&llama()).unwrap();
    assert_eq!(read(&config.to_json("float32")).unwrap(), config);
    let written = config.to_json("float32");
    assert_eq!(written["rms_norm_eps"], json!(1e-5));
    assert_eq!(written["rope_theta"], json!(100_000.0));
}

/// Models with sizes of zero stopped Ollama.
#[test]
fn s27_impossible_configurations_are_refused() {
    let invalid = [
        ("hidden_size", json!(0)),
        ("num_attention_heads", json!(0)),
        ("num_hidden_layers", json!(0)),
        ("num_hidden_layers", json!(1_000_000)),
        ("num_key_value_heads", json!(2)),
        ("vocab_size", json!(1_u64 << 40)),
        ("head_dim", json!(63)),
        ("rms_norm_eps", json!(-1.0)),
        ("rms_norm_eps", json!(0.0)),
        ("rope_theta", json!(0.0)),
        ("eos_token_id", json!(49152)),
        ("bos_token_id", json!(4_000_000_000_u32)),
        ("hidden_act", json!("relu2")),
        ("rope_scaling", json!({"type": "mrope", "factor": 4.0})),
        ("rope_scaling", json!({"type": "yarn", "factor": -4.0})),
        ("rope_scaling", json!({"type": "linear", "factor": 0.0})),
        ("rope_scaling", json!({"type": "longrope", "short_factor": [1.0], "long_factor": [1.0]})),
        (
            "rope_scaling",
            json!({"type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 1}),
        ),
        ("partial_rotary_factor", json!(0.01)),
        ("partial_rotary_factor", json!(1.5)),
    ];
    for (key, value) in invalid {
        let refused = changed(key, value.clone());
        assert!(
            matches!(refused, Err(ModelError::InvalidConfig { .. })),
            "{key} {value}: {refused:?}"
        );
    }
    for (key, value) in
        [("hidden_size", json!(-1)), ("vocab_size", json!("many")), ("rope_theta", json!([]))]
    {
        assert!(matches!(changed(key, value), Err(ModelError::Json { .. })));
    }
    // Each is possible, but a name for every expert of every layer would fill the memory.
    let mut crowded = llama();
    for (key, value) in [
        ("model_type", json!("qwen3_moe")),
        ("num_hidden_layers", json!(4096)),
        ("num_experts", json!(4096)),
        ("num_experts_per_tok", json!(2)),
        ("moe_intermediate_size", json!(16)),
    ] {
        crowded[key] = value;
    }
    let refused = read(&crowded);
    assert!(matches!(refused, Err(ModelError::InvalidConfig { key: "num_experts", .. })));
    crowded["num_hidden_layers"] = json!(30);
    crowded["num_experts"] = json!(128);
    assert!(read(&crowded).is_ok());
    let other = changed("model_type", json!("mamba"));
    assert!(matches!(other, Err(ModelError::UnsupportedArchitecture { .. })));
    assert!(matches!(read(&json!([])), Err(ModelError::Json { .. })));
}
