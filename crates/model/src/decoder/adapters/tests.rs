//! Logits against PEFT and against merged weights, and the same bits whatever runs beside.

#![expect(clippy::cast_possible_truncation, reason = "tests count in small numbers")]

use std::collections::BTreeMap;
use std::sync::Arc;

use catena_kernels::{KvCache, KvType, Pool};

use super::{Adapter, AdapterId, AdapterSet};
use crate::adapter::{AdapterTensor, LoraAdapterConfig, PeftAdapter, PeftConfig};
use crate::decoder::tests::{assert_bits, exact};
use crate::decoder::{Decoder, LogitsFor, SeqInput};
use crate::safetensors::SafetensorsFile;
use crate::test_support::{golden, tokens};
use crate::tests::values;
use crate::{Checkpoint, ExportSource, FloatType, LoadOptions, ModelError, save_huggingface};

/// Largest error of a logit relative to the largest logit, all arithmetic in f32.
const TOLERANCE: f32 = 1e-4;
/// The same against merged weights, whose sums are in another order: a key or value near the middle
/// of two bf16 is rounded apart in the cache, which moves all later logits.
const MERGED_TOLERANCE: f32 = 5e-4;
const ON_TINY_LLAMA: [&str; 3] = ["attention", "all", "patterns"];

fn decoder(base: &str, threads: usize, options: LoadOptions) -> Decoder {
    let checkpoint = Checkpoint::open(&golden(base)).unwrap();
    Decoder::load_with(&checkpoint, Arc::new(Pool::new(threads)), options).unwrap()
}

fn peft(name: &str) -> PeftAdapter {
    PeftAdapter::read(&golden("adapters").join(name)).unwrap()
}

/// One sequence's part of a step: its number, tokens, first position, logits, adapter.
type Part<'a> = (usize, &'a [u32], usize, LogitsFor, Option<AdapterId>);

struct Bench {
    decoder: Decoder,
    adapters: AdapterSet,
    kv: Vec<KvCache>,
}

impl Bench {
    fn new(decoder: Decoder, names: &[&str]) -> Self {
        let mut adapters = AdapterSet::default();
        for (id, name) in (0..).zip(names) {
            let packed = decoder.pack_adapter(&peft(name)).unwrap();
            adapters.insert(AdapterId(id), Arc::new(packed));
        }
        let groups = decoder.kv_groups().iter();
        let kv = groups.map(|group| KvCache::new(group.shape, KvType::Bf16, 64).unwrap());
        let kv = kv.collect();
        Self { decoder, adapters, kv }
    }

    fn step(&mut self, max_rows: usize, parts: &[Part<'_>]) -> Vec<f32> {
        let groups = self.kv.len();
        let tables: Vec<Vec<Vec<u32>>> = parts
            .iter()
            .map(|part| vec![(0..8).map(|block| (part.0 * 8 + block) as u32).collect(); groups])
            .collect();
        let seqs: Vec<_> = parts
            .iter()
            .zip(&tables)
            .map(|(&(_, tokens, start_pos, logits, adapter), block_tables)| SeqInput {
                tokens,
                start_pos,
                block_tables,
                logits,
                adapter,
            })
            .collect();
        let mut scratch = self.decoder.new_scratch(max_rows);
        let logits =
            self.decoder.forward_with(&seqs, &self.adapters, &mut self.kv, &mut scratch).unwrap();
        logits.rows().to_vec()
    }

    /// Logits of all tokens, which stand behind the adapter's prefix if it has one.
    fn whole(&mut self, tokens: &[u32], adapter: Option<AdapterId>) -> Vec<f32> {
        let of = adapter.and_then(|id| self.adapters.get(id));
        let first = of.map_or(0, Adapter::virtual_tokens);
        let tokens: Vec<u32> = vec![9; first].into_iter().chain(tokens.iter().copied()).collect();
        self.step(512, &[(0, &tokens, 0, LogitsFor::From(first), adapter)])
    }
}

/// The largest difference, relative to the largest value.
fn error(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |max, x| max.max(x.abs()));
    let pairs = found.iter().zip(expected);
    pairs.fold(0f32, |max, (a, b)| max.max((a - b).abs())) / largest
}

fn check_golden(base: &str, name: &str) {
    let file = SafetensorsFile::open(&golden("adapters").join(name).join("forward.safetensors"));
    let file = file.unwrap();
    let expected = file.tensor("logits").unwrap().to_f32().unwrap();
    let tokens = tokens(&file, "tokens");
    let mut bench = Bench::new(decoder(base, 2, exact()), &[name]);
    let off = error(&bench.whole(&tokens, Some(AdapterId(0))), &expected);
    assert!(off <= TOLERANCE, "{name}: {off}");
    let without = error(&bench.whole(&tokens, None), &expected);
    assert!(without > 100.0 * TOLERANCE, "{name} changes next to nothing: {without}");
}

#[test]
fn logits_agree_with_peft() {
    for name in ON_TINY_LLAMA {
        check_golden("tiny_llama", name);
    }
}

#[test]
fn fused_matrices_of_families_are_taken_apart() {
    for base in ["phi3", "gpt_neox", "glm", "starcoder2"] {
        check_golden(&format!("families/{base}"), base);
    }
    // The names are those of `transformers` whatever the file of the base.
    check_golden("families/phi3/model.gguf", "phi3");
}

/// Base and name of adapters with magnitudes, and of vectors.
const SCALING: [(&str, &str); 8] = [
    ("tiny_llama", "dora"),
    ("families/phi3", "phi3_dora"),
    ("families/gpt_neox", "gpt_neox_dora"),
    ("families/gpt2", "gpt2_dora"),
    ("tiny_llama", "ia3"),
    ("families/phi3", "phi3_ia3"),
    ("families/gpt_neox", "gpt_neox_ia3"),
    ("families/gpt2", "gpt2_ia3"),
];

#[test]
fn magnitudes_and_vectors_agree_with_peft() {
    for (base, name) in SCALING {
        check_golden(base, name);
    }
    check_golden("families/phi3/model.gguf", "phi3_dora");
}

const PREFIXES: [(&str, &str); 2] = [("tiny_llama", "prefix"), ("families/qwen3", "qwen3_prefix")];

#[test]
fn prefixes_agree_with_peft() {
    for (base, name) in PREFIXES {
        check_golden(base, name);
    }
}

#[test]
fn a_prefix_is_not_merged() {
    let checkpoint = Checkpoint::open(&golden("tiny_llama")).unwrap();
    let refused = ExportSource::new(&checkpoint).with_adapter(&peft("prefix")).map(|_| ());
    assert!(matches!(refused, Err(ModelError::PrefixNotMerged)), "{refused:?}");
}

const FAMILIES: [&str; 5] = ["gpt2", "mixtral", "qwen3_moe", "deepseek_v2", "deepseek_v2_lite"];

/// Transposed matrices, experts and routers, latents and the matrices of heads behind them.
#[test]
fn matrices_that_are_not_simply_rows_agree_with_peft() {
    for base in FAMILIES {
        check_golden(&format!("families/{base}"), base);
        check_golden(&format!("families/{base}/model.gguf"), base);
    }
}

/// PEFT of transformers 5 has the router where the model does, not where its file does.
#[test]
fn a_router_is_known_by_both_names() {
    let mut adapter = peft("mixtral");
    let tensors = std::mem::take(&mut adapter.tensors).into_iter();
    let renamed = |key: String| key.replace("block_sparse_moe.gate", "mlp.gate");
    adapter.tensors = tensors.map(|(key, tensor)| (renamed(key), tensor)).collect();
    let decoder = decoder("families/mixtral", 1, exact());
    let packed = [adapter, peft("mixtral")].map(|lora| decoder.pack_adapter(&lora).unwrap());
    let mut bench = Bench::new(decoder, &[]);
    let ids: Vec<u32> = (3..30).collect();
    let logits = packed.map(|packed| {
        bench.adapters.insert(AdapterId(0), Arc::new(packed));
        bench.whole(&ids, Some(AdapterId(0)))
    });
    assert_bits(&logits[0], &logits[1], "by the other name");
}

/// Logits of merged weights, which stand in a folder as the family has them, against those of PEFT.
/// `CATENA_MERGED_OUT` keeps the folders, for `make_adapters.py --check`.
#[test]
fn merged_weights_agree_with_peft() {
    let families = ["phi3", "gpt_neox", "glm", "starcoder2"].into_iter().chain(FAMILIES);
    let families: Vec<_> = families.map(|name| (format!("families/{name}"), name)).collect();
    let families = families.iter().map(|(base, name)| (base.as_str(), *name));
    let llamas = ON_TINY_LLAMA.map(|name| ("tiny_llama", name));
    for (base, name) in families.chain(SCALING).chain(llamas) {
        // The head is the table there, to which nothing can be added.
        if name == "all" {
            continue;
        }
        let (guard, adapter) = (tempfile::tempdir().unwrap(), peft(name));
        let checkpoint = Checkpoint::open(&golden(base)).unwrap();
        let source = ExportSource::new(&checkpoint).with_adapter(&adapter).unwrap();
        let out = std::env::var("CATENA_MERGED_OUT").map(camino::Utf8PathBuf::from);
        let out = out.unwrap_or_else(|_| guard.path().to_owned().try_into().unwrap());
        let folder = out.join(name);
        save_huggingface(&folder, &source, FloatType::F32).unwrap();
        let merged = Checkpoint::open(&folder).unwrap();
        let merged = Decoder::load_with(&merged, Arc::new(Pool::new(1)), exact()).unwrap();
        let file = golden("adapters").join(name).join("forward.safetensors");
        let file = SafetensorsFile::open(&file).unwrap();
        let expected = file.tensor("logits").unwrap().to_f32().unwrap();
        let found = Bench::new(merged, &[]).whole(&tokens(&file, "tokens"), None);
        let off = error(&found, &expected);
        assert!(off <= MERGED_TOLERANCE, "{name}: {off}");
    }
}

#[test]
fn bits_do_not_depend_on_what_runs_beside() {
    check_bits("tiny_llama", &ON_TINY_LLAMA);
    check_bits("tiny_llama", &["dora", "ia3", "attention"]);
    check_bits("families/gpt2", &["gpt2_dora", "gpt2_ia3"]);
    for base in FAMILIES {
        check_bits(&format!("families/{base}"), &[base]);
    }
}

/// Sequences with and without adapters in one batch, in any cut, against each alone.
fn check_bits(base: &str, names: &[&str]) {
    for options in [exact(), LoadOptions::default()] {
        let ids: Vec<Vec<u32>> = (0..6u32)
            .map(|seq| (0..20 + 3 * seq).map(|i| (i * 31 + seq * 17 + i * i) % 96).collect())
            .collect();
        let adapter = |seq: usize| [None, Some(0), Some(1), Some(1), None, Some(2)][seq];
        let last = names.len() as u64 - 1;
        let adapter = |seq: usize| adapter(seq).map(|id: u64| AdapterId(id.min(last)));
        let mut one = Bench::new(decoder(base, 1, options), names);
        let alone: Vec<_> = (0..6).map(|seq| one.whole(&ids[seq], adapter(seq))).collect();
        let mut plain = Bench::new(decoder(base, 1, options), &[]);
        assert_bits(&plain.whole(&ids[0], None), &alone[0], "without adapters");

        let mut two = Bench::new(decoder(base, 2, options), names);
        let all: Vec<Part<'_>> = (0..6)
            .map(|seq| (seq, ids[seq].as_slice(), 0, LogitsFor::From(0), adapter(seq)))
            .collect();
        for max_rows in [512, 13] {
            assert_bits(&two.step(max_rows, &all), &alone.concat(), "all at once");
        }
        // Chunks, with logits of some rows only.
        let cut = 11;
        let first: Vec<Part<'_>> =
            (0..6).map(|seq| (seq, &ids[seq][..cut], 0, LogitsFor::None, adapter(seq))).collect();
        two.step(512, &first);
        let wanted = |seq: usize| match seq % 3 {
            0 => LogitsFor::Last,
            1 => LogitsFor::From(4),
            _ => LogitsFor::None,
        };
        let rest: Vec<Part<'_>> =
            (0..6).map(|seq| (seq, &ids[seq][cut..], cut, wanted(seq), adapter(seq))).collect();
        let expected: Vec<f32> = (0..6)
            .flat_map(|seq| {
                let rows = ids[seq].len();
                let first = match wanted(seq) {
                    LogitsFor::Last => rows - 1,
                    LogitsFor::From(row) => cut + row,
                    LogitsFor::None => rows,
                };
                alone[seq][first * 96..].to_vec()
            })
            .collect();
        for max_rows in [512, 7] {
            assert_bits(&two.step(max_rows, &rest), &expected, "chunks");
        }
    }
}

fn refused(base: &str, change: impl FnOnce(&mut PeftAdapter)) -> ModelError {
    let mut adapter = peft("attention");
    change(&mut adapter);
    let packed = decoder(base, 1, exact()).pack_adapter(&adapter).map(|_: Adapter| ());
    packed.expect_err("it does not fit")
}

/// An adapter of one pair.
fn pair(target: &str, n: usize, k: usize, rank: usize) -> PeftAdapter {
    let (a, b) = PeftAdapter::keys_of(target);
    let tensor = |shape: [usize; 2]| AdapterTensor {
        shape: shape.to_vec(),
        data: values(shape[0] * shape[1], 3),
    };
    let tensors = BTreeMap::from([(a, tensor([rank, k])), (b, tensor([n, rank]))]);
    let config = LoraAdapterConfig::new(rank, 8.0, vec!["x".to_owned()]);
    PeftAdapter { config: PeftConfig::Lora(Box::new(config)), tensors }
}

#[test]
fn foreign_adapters_are_refused_by_name() {
    let name = "model.layers.0.self_attn.q_proj.weight";
    let (key_a, key_b) = PeftAdapter::keys_of(name);
    let error = refused("families/mistral", |_| {});
    assert!(matches!(error, ModelError::ShapeMismatch { .. }), "{error}");
    let error = refused("tiny_llama", |adapter| drop(adapter.tensors.remove(&key_b)));
    assert!(matches!(error, ModelError::AdapterPair { .. }), "{error}");
    let error = refused("tiny_llama", |adapter| {
        adapter.tensors.get_mut(&key_a).unwrap().data.pop();
    });
    assert!(matches!(error, ModelError::ShapeMismatch { .. }), "{error}");
    let error = refused("tiny_llama", |adapter| {
        *adapter = pair("model.layers.7.self_attn.q_proj.weight", 128, 64, 4);
    });
    assert!(matches!(error, ModelError::AdapterTarget { .. }), "{error}");
    for rank in [0, 1025] {
        let error = refused("tiny_llama", |adapter| *adapter = pair(name, 128, 64, rank));
        assert!(matches!(error, ModelError::AdapterRank { .. }), "{error}");
    }
    let whole = AdapterTensor { shape: vec![96, 64], data: values(96 * 64, 1) };
    let error = refused("tiny_llama", |adapter| {
        adapter.tensors.insert("base_model.model.lm_head.weight".to_owned(), whole);
    });
    assert!(matches!(error, ModelError::AdapterModule { .. }), "{error}");
}

/// A pair with the decoder's own names, of a matrix of the wrong size, or of an expert too many.
#[test]
fn foreign_experts_and_latents_are_refused_by_name() {
    let bases = ["families/mixtral", "families/qwen3_moe", "families/deepseek_v2"];
    for base in bases {
        let model = decoder(base, 1, exact());
        for target in [
            "model.layers.1.mlp.experts.4.up_proj.weight",
            "model.layers.1.mlp.experts.0.up_proj.weight",
            "model.layers.1.block_sparse_moe.gate.weight",
            "model.layers.1.mlp.gate.weight",
            "model.layers.1.mlp.shared_experts.up_proj.weight",
            "model.layers.1.self_attn.k_b_proj.weight",
            "model.layers.1.self_attn.kv_b_proj.weight",
            "model.layers.1.self_attn.kv_a_proj_with_mqa.weight",
            "model.layers.1.input_layernorm.weight",
        ] {
            let error = model.pack_adapter(&pair(target, 8, 8, 2)).map(|_| ());
            let error = error.expect_err("not applied");
            let named = error.to_string().contains(target.trim_end_matches(".weight"));
            let kind = matches!(
                error,
                ModelError::AdapterModule { .. }
                    | ModelError::AdapterTarget { .. }
                    | ModelError::ShapeMismatch { .. }
            );
            assert!(named && kind, "{base}: {error}");
        }
    }
}
