//! A Llama of a few thousand weights, written as a Hugging Face folder.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use catena_text::{GgufVocab, TokenType, Tokenizer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::Checkpoint;
use crate::safetensors::write_f32;

pub(crate) const TEMPLATE: &str =
    "{% for m in messages %}<|a|>{{ m.role }}\n{{ m.content }}<|b|>\n{% endfor %}";

/// `count` values that follow from `seed`.
pub(crate) fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-0.5f32..0.5)).collect()
}

/// The model in a folder that goes away with it.
pub(crate) struct Tiny {
    _guard: tempfile::TempDir,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// With changes to its configuration and tensors before they are written.
    pub(crate) fn with(
        change_config: impl FnOnce(&mut Value),
        change_tensors: impl FnOnce(&mut BTreeMap<String, (Vec<usize>, Vec<f32>)>),
    ) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let mut config = config();
        let mut tensors = tensors();
        change_config(&mut config);
        change_tensors(&mut tensors);
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let listed = tensors
            .iter()
            .map(|(name, (shape, data))| (name.as_str(), shape.as_slice(), data.as_slice()));
        write_f32(&folder.join("model.safetensors"), listed, &[("format", "pt")]).unwrap();
        write_tokenizer(&folder);
        Self { _guard: guard, folder, tensors }
    }

    pub(crate) fn open(&self) -> Checkpoint {
        Checkpoint::open(&self.folder).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }
}

fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
        "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 258,
        "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": false, "bos_token_id": 256, "eos_token_id": 257,
        "hidden_act": "silu", "a_key_of_tomorrow": [1, 2],
    })
}

fn tensors() -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), vec![258, 64]),
        ("model.norm.weight".to_owned(), vec![64]),
        ("lm_head.weight".to_owned(), vec![258, 64]),
    ];
    for layer in 0..2 {
        let inner: [(&str, &[usize]); 9] = [
            ("input_layernorm", &[64]),
            ("post_attention_layernorm", &[64]),
            ("self_attn.q_proj", &[128, 64]),
            ("self_attn.k_proj", &[64, 64]),
            ("self_attn.v_proj", &[64, 64]),
            ("self_attn.o_proj", &[64, 128]),
            ("mlp.gate_proj", &[96, 64]),
            ("mlp.up_proj", &[96, 64]),
            ("mlp.down_proj", &[64, 96]),
        ];
        for (name, shape) in inner {
            shapes.push((format!("model.layers.{layer}.{name}.weight"), shape.to_vec()));
        }
    }
    let mut seed = 0;
    let mut next = |shape: &[usize]| {
        seed += 1;
        values(shape.iter().product(), seed)
    };
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let data = next(&shape);
            (name, (shape, data))
        })
        .collect()
}

fn write_tokenizer(folder: &Utf8Path) {
    let bytes = (0x21..=0x7e).chain(0xa1..=0xac).chain(0xae..=0xff).chain(0x100..=0x143);
    let mut tokens: Vec<String> = bytes.map(|c| char::from_u32(c).unwrap().to_string()).collect();
    let mut token_types = vec![TokenType::Normal; tokens.len()];
    for token in ["<|a|>", "<|b|>"] {
        tokens.push(token.to_owned());
        token_types.push(TokenType::Control);
    }
    let vocab = GgufVocab {
        model: "gpt2".to_owned(),
        pre: Some("qwen2".to_owned()),
        tokens,
        token_types,
        ..GgufVocab::default()
    };
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_json().unwrap()).unwrap();
    let config = json!({"bos_token": "<|a|>", "eos_token": "<|b|>", "chat_template": TEMPLATE});
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
}
