//! What is refused of GGUF files, and in which words.

use crate::ModelError;
use crate::encoder::{Encoder, EncoderInput, SequenceClassifier, TextEmbedder, TokenClassifier};
use crate::gguf::{GgmlType, GgufFile, GgufWriter, MetaArray, MetaValue};
use crate::linear::LoadOptions;
use crate::test_support::golden;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;

type Tensor = (Vec<usize>, GgmlType, Vec<u8>);

/// A golden's file in parts that can be changed.
struct Parts {
    keys: BTreeMap<String, MetaValue>,
    tensors: BTreeMap<String, Tensor>,
}

impl Parts {
    fn of(name: &str) -> Self {
        let file = GgufFile::open(&golden("encoders").join(name).join("model.gguf")).unwrap();
        let tensors = file.tensors().iter().map(|tensor| {
            let bytes = file.tensor_bytes(&tensor.name).unwrap().to_vec();
            (tensor.name.clone(), (tensor.shape.clone(), tensor.ggml_type, bytes))
        });
        let keys = file.keys().map(|(key, value)| (key.to_owned(), value.clone()));
        Self { keys: keys.collect(), tensors: tensors.collect() }
    }

    fn set(&mut self, key: &str, value: MetaValue) -> &mut Self {
        self.keys.insert(key.to_owned(), value);
        self
    }

    fn add(&mut self, name: &str, shape: &[usize]) -> &mut Self {
        let bytes = vec![0; 4 * shape.iter().product::<usize>()];
        self.tensors.insert(name.to_owned(), (shape.to_vec(), GgmlType::F32, bytes));
        self
    }

    fn write(&self) -> File {
        let dir = TempDir::new().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("model.gguf")).unwrap();
        let mut writer = GgufWriter::new();
        for (key, value) in &self.keys {
            writer.set(key, value.clone());
        }
        for (name, (shape, ggml_type, _)) in &self.tensors {
            writer.add_tensor(name, shape, *ggml_type);
        }
        writer.write(&path, |name| Ok(self.tensors[name].2.clone())).unwrap();
        File { path, _dir: dir }
    }
}

/// A file that is gone when it is dropped.
struct File {
    path: Utf8PathBuf,
    _dir: TempDir,
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

fn encoder(path: &Utf8Path) -> Result<(), ModelError> {
    Encoder::load(path, pool()).map(|_| ())
}

fn embedder(path: &Utf8Path) -> Result<(), ModelError> {
    TextEmbedder::load(path, pool()).map(|_| ())
}

fn sequence(path: &Utf8Path) -> Result<(), ModelError> {
    SequenceClassifier::load_with(path, pool(), LoadOptions::default()).map(|_| ())
}

fn tokens(path: &Utf8Path) -> Result<(), ModelError> {
    TokenClassifier::load_with(path, pool(), LoadOptions::default()).map(|_| ())
}

/// The error, without the file's name, of loading a golden that was changed.
fn refused(
    name: &str,
    load: fn(&Utf8Path) -> Result<(), ModelError>,
    change: impl Fn(&mut Parts),
) -> String {
    let mut parts = Parts::of(name);
    change(&mut parts);
    let file = parts.write();
    load(&file.path).unwrap_err().to_string().replace(file.path.as_str(), "FILE")
}

#[test]
fn architectures_that_we_do_not_run_are_refused_by_name_with_the_nearest() {
    let architecture = |name: &str| {
        refused("bert", encoder, |parts| {
            parts.set("general.architecture", MetaValue::from(name));
        })
    };
    let vocabulary = refused("bert", encoder, |parts| {
        parts.set("tokenizer.ggml.model", MetaValue::from("llama"));
    });
    let missing = |key: &str| {
        refused("bert", encoder, |parts| {
            parts.keys.remove(key).unwrap();
        })
    };
    let camembert = refused("bert", encoder, |parts| {
        parts
            .set("tokenizer.ggml.token_type_count", MetaValue::U32(1))
            .add("token_types.weight", &[1, 32]);
    });
    insta::assert_snapshot!(
        [
            architecture("jina-bert-v2"),
            architecture("nomic-bert"),
            architecture("llama"),
            vocabulary,
            camembert,
            missing("general.architecture"),
            missing("tokenizer.ggml.model"),
        ]
        .join("\n")
    );
}

#[test]
fn heads_that_files_do_not_hold_are_refused_with_what_they_load_as() {
    let as_it_is = |name, load| refused(name, load, |_| {});
    insta::assert_snapshot!(
        [
            as_it_is("bert_cross_encoder", sequence),
            as_it_is("bert", sequence),
            as_it_is("bert", tokens),
            as_it_is("xlm_roberta_sequence", tokens),
        ]
        .join("\n")
    );
    assert!(encoder(&golden("encoders/bert_cross_encoder/model.gguf")).is_ok());
}

#[test]
fn values_that_we_do_not_run_are_refused_by_name() {
    let key = |name: &str, key: &str, value: MetaValue| {
        refused(name, embedder, |parts| {
            parts.set(key, value.clone());
        })
    };
    let large = || MetaValue::U64(u64::MAX);
    insta::assert_snapshot!(
        [
            key("bert", "bert.pooling_type", MetaValue::U32(0)),
            key("bert", "bert.pooling_type", MetaValue::U32(4)),
            key("bert", "bert.attention.causal", MetaValue::Bool(true)),
            key("bert", "bert.attention.head_count", MetaValue::U32(0)),
            key("bert", "bert.attention.head_count_kv", MetaValue::U32(1)),
            key("bert", "bert.attention.layer_norm_epsilon", MetaValue::F32(f32::NAN)),
            key("bert", "bert.hidden_activation", MetaValue::from("mish")),
            key("bert", "bert.block_count", large()),
            key("bert", "bert.context_length", large()),
            key("bert", "bert.vocab_size", large()),
            key("bert", "bert.feed_forward_length", MetaValue::from("many")),
            key("roberta", "bert.context_length", large()),
            key("roberta", "tokenizer.ggml.padding_token_id", MetaValue::U32(320)),
            key("roberta", "tokenizer.ggml.padding_token_id", MetaValue::U32(u32::MAX)),
            key("modernbert", "modern-bert.hidden_activation", MetaValue::from("relu")),
            key("modernbert", "modern-bert.rope.scaling.type", MetaValue::from("yarn")),
            key("modernbert", "modern-bert.rope.freq_base", MetaValue::F32(0.0)),
            key("modernbert", "modern-bert.rope.freq_base_swa", MetaValue::F32(-1.0)),
            key(
                "modernbert",
                "modern-bert.attention.sliding_window_pattern",
                MetaValue::Array(MetaArray::Bool(vec![true; 3]))
            ),
        ]
        .join("\n")
    );
}

#[test]
fn tensors_that_disagree_with_the_keys_are_refused() {
    let without = |name: &str, load, tensor: &str| {
        refused(name, load, |parts| {
            parts.tensors.remove(tensor).unwrap();
        })
    };
    let with = |name: &str, load, tensor: &str, shape: &[usize]| {
        refused(name, load, |parts| {
            parts.add(tensor, shape);
        })
    };
    let blocks = refused("bert", encoder, |parts| {
        let tensor = (vec![48, 32], GgmlType::IQ4_NL, vec![0; 48 * 18]);
        parts.tensors.insert("blk.0.ffn_up.weight".to_owned(), tensor);
        let tensor = (vec![32, 48], GgmlType::I8, vec![0; 32 * 48]);
        parts.tensors.insert("blk.0.ffn_down.weight".to_owned(), tensor);
    });
    insta::assert_snapshot!(
        [
            without("bert", encoder, "token_embd.weight"),
            without("bert", encoder, "blk.1.attn_q.weight"),
            without("bert", encoder, "blk.0.ffn_up.bias"),
            without("modernbert", encoder, "blk.0.attn_qkv.weight"),
            without("xlm_roberta_sequence", sequence, "cls.weight"),
            with("bert", encoder, "blk.2.attn_q.weight", &[32, 32]),
            with("bert", encoder, "blk.1.ffn_norm.weight", &[32]),
            with("bert", encoder, "position_embd.weight", &[63, 32]),
            with("roberta", encoder, "position_embd.weight", &[66, 32]),
            with("modernbert", encoder, "blk.0.attn_norm.weight", &[32]),
            with("xlm_roberta_sequence", sequence, "cls.output.weight", &[2, 32]),
            blocks,
        ]
        .join("\n")
    );
}

#[test]
fn fused_products_windows_and_missing_labels_are_read_as_llama_cpp_does() {
    let mut parts = Parts::of("bert");
    for layer in 0..2 {
        for kind in ["weight", "bias"] {
            let parts_of = |part| format!("blk.{layer}.attn_{part}.{kind}");
            let [q, k, v] =
                ["q", "k", "v"].map(|part| parts.tensors.remove(&parts_of(part)).unwrap());
            let (mut shape, ggml_type, _) = q.clone();
            shape[0] *= 3;
            let fused = (shape, ggml_type, [q.2, k.2, v.2].concat());
            parts.tensors.insert(parts_of("qkv"), fused);
        }
    }
    let fused = parts.write();
    let inputs = [EncoderInput::single(&[2, 40, 41, 3])];
    let states = |path: &Utf8Path| Encoder::load(path, pool()).unwrap().hidden_states(&inputs);
    assert_eq!(states(&fused.path), states(&golden("encoders/bert/model.gguf")));

    let radii = |change: &dyn Fn(&mut Parts)| {
        let mut parts = Parts::of("modernbert");
        change(&mut parts);
        let encoder = Encoder::load(&parts.write().path, pool()).unwrap();
        encoder.config().layers.iter().map(|layer| layer.radius).collect::<Vec<_>>()
    };
    let pattern = "modern-bert.attention.sliding_window_pattern";
    let window = Some(6);
    assert_eq!(radii(&|_| {}), [None, window, window, None]);
    let period = |parts: &mut Parts| _ = parts.set(pattern, MetaValue::U32(2));
    assert_eq!(radii(&period), [None, window, None, window]);
    let list = MetaArray::Bool(vec![true, false, false, true]);
    let list = |parts: &mut Parts| _ = parts.set(pattern, MetaValue::Array(list.clone()));
    assert_eq!(radii(&list), [window, None, None, window]);
    let none = |parts: &mut Parts| _ = parts.keys.remove("modern-bert.attention.sliding_window");
    assert_eq!(radii(&none), [None; 4]);

    let mut parts = Parts::of("xlm_roberta_sequence");
    parts.keys.remove("bert.classifier.output_labels").unwrap();
    let file = parts.write();
    let classifier = SequenceClassifier::load_with(&file.path, pool(), LoadOptions::default());
    assert_eq!(classifier.unwrap().labels(), ["LABEL_0", "LABEL_1", "LABEL_2"]);
}

/// DistilBERT's files, which llama.cpp's converter gives the same architecture.
#[test]
fn a_file_without_token_types_is_one_whose_types_add_nothing() {
    let states = |change: fn(&mut Parts)| {
        let mut parts = Parts::of("bert");
        change(&mut parts);
        let encoder = Encoder::load(&parts.write().path, pool()).unwrap();
        let inputs = [EncoderInput::single(&[2, 40, 41, 3])];
        encoder.hidden_states(&inputs).unwrap()
    };
    let without = states(|parts| {
        parts.tensors.remove("token_types.weight").unwrap();
        parts.set("tokenizer.ggml.token_type_count", MetaValue::U32(1));
    });
    assert_eq!(without, states(|parts| _ = parts.add("token_types.weight", &[2, 32])));
    assert_ne!(without, states(|_| {}));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// A changed key or a tensor less gives an error or an encoder, never a panic.
    #[test]
    fn changed_files_do_not_panic(
        name in prop::sample::select(vec!["bert", "xlm_roberta_sequence", "modernbert_sequence"]),
        at in any::<prop::sample::Index>(),
        value in prop_oneof![
            any::<u32>().prop_map(MetaValue::U32),
            (0u32..70).prop_map(MetaValue::U32),
            any::<f32>().prop_map(MetaValue::F32),
            any::<bool>().prop_map(MetaValue::Bool),
            "[a-z]{0,4}".prop_map(MetaValue::String),
            prop::collection::vec(any::<bool>(), 0..6)
                .prop_map(|all| MetaValue::Array(MetaArray::Bool(all))),
            prop::collection::vec("[a-z]{0,2}", 0..6)
                .prop_map(|all| MetaValue::Array(MetaArray::String(all))),
        ],
        tensor in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut parts = Parts::of(name);
        let key = at.get(&parts.keys.keys().cloned().collect::<Vec<_>>()).clone();
        parts.set(&key, value);
        if let Some(tensor) = tensor {
            let name = tensor.get(&parts.tensors.keys().cloned().collect::<Vec<_>>()).clone();
            parts.tensors.remove(&name);
        }
        let file = parts.write();
        if let Ok(encoder) = Encoder::load(&file.path, pool()) {
            let inputs = [EncoderInput::single(&[0, 1, 2, 3, 1])];
            let _ = encoder.hidden_states(&inputs);
        }
        let _ = embedder(&file.path);
        let _ = sequence(&file.path);
        let _ = crate::checkpoint::open_tokenizer(&file.path);
    }
}
