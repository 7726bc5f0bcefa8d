use super::layout::{Layout, RowOrder};
use super::{WeightData, tensors};
use crate::families::{FAMILIES, Family};
use crate::tests::{TEMPLATE, Tiny};
use crate::{Checkpoint, ModelError};

fn refused(tiny: &Tiny) -> ModelError {
    Checkpoint::open(&tiny.folder).map(|_| ()).expect_err("the folder is broken")
}

#[test]
fn a_folder_is_read_as_it_is() {
    let tiny = Tiny::new();
    let checkpoint = tiny.open();
    for (name, (shape, data)) in &tiny.tensors {
        let weight = checkpoint.weight(name).unwrap();
        assert_eq!(&weight.shape, shape);
        assert!(matches!(weight.data, WeightData::F32(_)));
        assert_eq!(&checkpoint.dequantize(name).unwrap(), data);
    }
    let names: Vec<_> = checkpoint.tensor_names().map(ToOwned::to_owned).collect();
    assert_eq!(names, tiny.tensors.keys().cloned().collect::<Vec<_>>());
    assert_eq!(
        checkpoint.chat_template(&checkpoint.tokenizer().unwrap()).unwrap().unwrap().source(),
        TEMPLATE
    );
    let ids = checkpoint.tokenizer().unwrap().encode("<|a|>hi<|b|>", false, true).unwrap();
    assert_eq!((ids.len(), ids[0], ids[3]), (4, 256, 257));
}

#[test]
fn templates_stand_in_several_places() {
    let tiny = Tiny::new();
    let config = |text: &str| std::fs::write(tiny.path("tokenizer_config.json"), text).unwrap();
    config(
        r#"{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}"#,
    );
    assert_eq!(tiny.open().chat_template_source().unwrap().as_deref(), Some("d"));
    config("{}");
    assert_eq!(tiny.open().chat_template_source().unwrap(), None);
    std::fs::write(tiny.path("chat_template.jinja"), "j").unwrap();
    assert_eq!(tiny.open().chat_template_source().unwrap().as_deref(), Some("j"));
}

#[test]
fn ends_of_a_generation_stand_in_two_files() {
    let tiny = Tiny::new();
    let write = |text: &str| std::fs::write(tiny.path("generation_config.json"), text).unwrap();
    for (text, expected) in [
        (r#"{"eos_token_id": [257, 7], "temperature": 0.6}"#, &[257, 7][..]),
        (r#"{"eos_token_id": 9}"#, &[257, 9][..]),
        (r#"{"eos_token_id": null}"#, &[257][..]),
        ("{}", &[257][..]),
    ] {
        write(text);
        assert_eq!(tiny.open().config().eos_token_ids, expected, "{text}");
    }
    for text in ["[]", "{", r#"{"eos_token_id": "</s>"}"#] {
        write(text);
        assert!(matches!(refused(&tiny), ModelError::Json { .. }), "{text}");
    }
    write(r#"{"eos_token_id": [257, 258]}"#);
    let ModelError::InvalidConfig { file, .. } = refused(&tiny) else { panic!("another error") };
    assert_eq!(file.file_name(), Some("generation_config.json"));
}

/// Weights that a program quantized in its own form are refused by its name, with what loads instead.
#[test]
fn weights_in_fewer_bits_are_refused_by_name() {
    let of = |method: serde_json::Value| {
        refused(&Tiny::with(|config| config["quantization_config"] = method, |_| {}))
    };
    let awq = of(serde_json::json!({"quant_method": "awq", "bits": 4}));
    let ModelError::InvalidConfig { key, value, reason, .. } = awq else { panic!("{awq:?}") };
    assert_eq!((key, value.as_str()), ("quantization_config", "awq"));
    assert!(reason.contains("GGUF"), "{reason}");
    let unnamed = of(serde_json::json!({}));
    assert!(matches!(unnamed, ModelError::InvalidConfig { .. }), "{unnamed:?}");
}

#[test]
fn folders_that_disagree_with_their_config_are_refused() {
    let tensors =
        |change: fn(&mut std::collections::BTreeMap<_, _>)| refused(&Tiny::with(|_| {}, change));
    let missing = tensors(|tensors| {
        tensors.remove("model.layers.1.mlp.up_proj.weight");
    });
    let ModelError::MissingTensor { name, nearest, .. } = missing else { panic!("{missing:?}") };
    assert_eq!(name, "model.layers.1.mlp.up_proj.weight");
    assert_eq!(nearest.as_deref(), Some("model.layers.0.mlp.up_proj.weight"));
    let shape = tensors(|tensors| {
        tensors.insert("model.norm.weight".to_owned(), (vec![32], vec![0.0; 32]));
    });
    assert!(matches!(shape, ModelError::ShapeMismatch { .. }), "{shape:?}");
    let more = tensors(|tensors| {
        tensors.insert("model.layers.0.self_attn.q_proj.bias".to_owned(), (vec![1], vec![0.0]));
    });
    assert!(matches!(more, ModelError::UnexpectedTensor { .. }), "{more:?}");
    let layers = refused(&Tiny::with(|config| config["num_hidden_layers"] = 3.into(), |_| {}));
    assert!(matches!(layers, ModelError::MissingTensor { .. }), "{layers:?}");
    let heads = refused(&Tiny::with(|config| config["num_key_value_heads"] = 4.into(), |_| {}));
    assert!(matches!(heads, ModelError::ShapeMismatch { .. }), "{heads:?}");
}

#[test]
fn a_tied_head_in_the_file_is_passed_over() {
    let tiny = Tiny::with(|config| config["tie_word_embeddings"] = true.into(), |_| {});
    let checkpoint = tiny.open();
    assert!(!checkpoint.tensor_names().any(|name| name == "lm_head.weight"));
}

#[test]
fn paths_that_are_no_models_are_refused() {
    let tiny = Tiny::new();
    let open = |name: &str| Checkpoint::open(&tiny.path(name)).map(|_| ()).unwrap_err();
    assert!(matches!(open("config.json"), ModelError::NotAModel { .. }));
    assert!(matches!(open("nothing.gguf"), ModelError::Io { .. }));
    std::fs::create_dir(tiny.path("empty")).unwrap();
    assert!(matches!(open("empty"), ModelError::NotAModel { .. }));
    std::fs::write(tiny.path("bad.gguf"), "not a model").unwrap();
    assert!(matches!(open("bad.gguf"), ModelError::Gguf { .. }));
    std::fs::remove_file(tiny.path("tokenizer.json")).unwrap();
    assert!(matches!(tiny.open().tokenizer(), Err(ModelError::Io { .. })));
}

/// Every tensor of the decoder stands in exactly one tensor of the file, which it fills together
/// with the others there.
#[test]
fn layouts_hold_everything_once() {
    let tiny = Tiny::new();
    let config = tiny.open().config().clone();
    let family = Family::of_config(&config);
    let gguf = family.gguf.iter().copied().flatten();
    for layout in [
        Layout::new(&config, &family.huggingface.iter(), &|_| true),
        Layout::new(&config, &gguf, &|_| true),
    ] {
        let expected = tensors::expected(&config);
        assert_eq!(layout.sources.len(), expected.len());
        for (name, shape) in expected {
            assert_eq!(layout.sources[&name].shape, shape, "{name}");
        }
        assert_eq!(layout.files.iter().map(|file| file.parts.len()).sum::<usize>(), 21);
    }
}

#[test]
fn families_do_not_share_names() {
    let mut names = std::collections::BTreeSet::new();
    let kinds: [fn(&Family) -> &'static [&'static str]; 2] =
        [|family| family.model_types, |family| family.architectures];
    for (idx, kind) in kinds.into_iter().enumerate() {
        for family in FAMILIES {
            assert!(kind(family).iter().all(|name| names.insert((idx, *name))), "{family:?}");
        }
    }
}

#[test]
fn layer_numbers_have_one_spelling() {
    let tiny = Tiny::with(
        |_| {},
        |tensors| {
            let tensor = tensors["model.layers.1.mlp.up_proj.weight"].clone();
            tensors.insert("model.layers.01.mlp.up_proj.weight".to_owned(), tensor);
        },
    );
    let more = refused(&tiny);
    assert!(matches!(more, ModelError::UnexpectedTensor { .. }), "{more:?}");
}

/// Half 0 of a head takes the even rows, half 1 the odd ones.
#[test]
fn rotary_rows_are_interleaved_within_each_head() {
    let order = RowOrder::Rotary { head_dim: 32 };
    let heads = [0, 1, 15, 16, 17, 31, 32, 48].map(|row| order.place(row));
    assert_eq!(heads, [0, 2, 30, 1, 3, 31, 32, 33]);
    let mut all: Vec<usize> = (0..128).map(|row| order.place(row)).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..128));
}

#[test]
fn runs_of_rows_stand_apart() {
    let order = RowOrder::Runs { first: 2, count: 3, stride: 8 };
    assert_eq!([0, 2, 3, 5, 6].map(|row| order.place(row)), [2, 4, 10, 12, 18]);
}

/// Weights follow from the seed and the configuration, and what the folder holds is not read.
#[test]
fn a_model_without_weights_is_drawn() {
    let tiny = Tiny::with(|config| config["initializer_range"] = 0.1.into(), |_| {});
    let with_weights = Checkpoint::drawn(&tiny.folder, 7).unwrap();
    std::fs::remove_file(tiny.path("model.safetensors")).unwrap();
    assert!(matches!(refused(&tiny), ModelError::NotAModel { .. }));
    let drawn = Checkpoint::drawn(&tiny.folder, 7).unwrap();
    let other = Checkpoint::drawn(&tiny.folder, 8).unwrap();
    for (name, (shape, _)) in &tiny.tensors {
        let values = drawn.dequantize(name).unwrap();
        assert_eq!(drawn.shape(name).unwrap(), shape);
        assert_eq!(values, with_weights.dequantize(name).unwrap(), "{name}");
        if shape.len() == 1 {
            assert!(values.iter().all(|&gain| gain == 1.0), "{name}");
            continue;
        }
        assert_ne!(values, other.dequantize(name).unwrap(), "{name}");
        let count = values.len() as f64;
        let variance = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
        // Four standard errors of a variance.
        assert!((variance / 0.01 - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{name}: {variance}");
    }
    assert_eq!(drawn.tokenizer().unwrap().vocab_size(), 258);
    std::fs::remove_file(tiny.path("config.json")).unwrap();
    assert!(matches!(Checkpoint::drawn(&tiny.folder, 7), Err(ModelError::Io { .. })));
}

/// Weights that are pickles run code when they are read.
#[test]
fn s10_pickles_are_not_read() {
    let tiny = Tiny::new();
    for name in ["pytorch_model.bin", "model.pt", "model.pkl"] {
        std::fs::rename(tiny.path("model.safetensors"), tiny.path(name)).unwrap();
        assert!(matches!(refused(&tiny), ModelError::NotAModel { .. }), "{name}");
        std::fs::rename(tiny.path(name), tiny.path("model.safetensors")).unwrap();
    }
}

/// vLLM ran the code that a model's configuration named, also where that was forbidden.
#[test]
fn s18_code_beside_a_model_is_not_run() {
    let named = |config: &mut serde_json::Value| {
        config["auto_map"] = serde_json::json!({"AutoConfig": "modeling_x.XConfig",
            "AutoModelForCausalLM": "other/repository--modeling_x.XForCausalLM"});
    };
    let tiny = Tiny::with(named, |_| {});
    let ran = tiny.path("ran");
    std::fs::write(tiny.path("modeling_x.py"), format!("open({:?}, 'w')", ran.as_str())).unwrap();
    let checkpoint = tiny.open();
    assert!(checkpoint.tokenizer().is_ok() && checkpoint.weight("model.norm.weight").is_ok());
    assert!(!ran.exists());
    // An architecture that only its code knows is none of ours.
    let foreign = Tiny::with(
        |config| {
            named(config);
            config["model_type"] = "x".into();
        },
        |_| {},
    );
    assert!(matches!(refused(&foreign), ModelError::UnsupportedArchitecture { .. }));
}
