//! What llama.cpp is to write as well: greedy texts of a merged model and of an adapter beside its
//! base, both as GGUF files.
//!
//! `CATENA_LLAMA_CPP_OUT=FOLDER cargo test -p catena-engine llama_cpp`, then
//! `python crates/engine/tests/llama_cpp/check.py FOLDER LLAMA_SERVER`, compares.

use crate::{
    AdapterId, CacheScope, Engine, KvBudget, ModelRunner, Request, SamplingParams, SchedulerLimits,
    TextCodec,
};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{DenseType, KvType, Pool};
use catena_model::adapter::{AdapterTensor, read_gguf_adapter, write_gguf_adapter};
use catena_model::gguf::GgmlType;
use catena_model::{
    Checkpoint, Decoder, ExportSource, GgufRule, LoadOptions, LoraAdapterConfig, PeftAdapter,
    PeftConfig, QuantizedProducts, write_gguf,
};
use catena_protocol::{Cancel, Message, NoProgress, Role};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const QUESTIONS: [&str; 4] = [
    "What is a wire transfer?",
    "Name three fruits.",
    "Who wrote Hamlet?",
    "Explain interest rates in one sentence.",
];
const NEW_TOKENS: usize = 32;
const RANK: usize = 4;
/// Deviation of both halves: large enough for other texts, small enough for texts.
const DEVIATION: f32 = 0.05;

/// Pairs beside some projections of all layers.
fn adapter(checkpoint: &Checkpoint) -> PeftAdapter {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let names = ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"];
    let mut tensors = BTreeMap::new();
    let is_target =
        |name: &&str| names.iter().any(|target| name.ends_with(&format!(".{target}.weight")));
    for name in checkpoint.tensor_names().filter(is_target) {
        let shape = checkpoint.shape(name).expect("it is there");
        let (a, b) = PeftAdapter::keys_of(name);
        for (key, shape) in [(a, [RANK, shape[1]]), (b, [shape[0], RANK])] {
            let bound = DEVIATION * 3f32.sqrt();
            let data = (0..shape[0] * shape[1]).map(|_| rng.random_range(-bound..bound)).collect();
            tensors.insert(key, AdapterTensor { shape: shape.to_vec(), data });
        }
    }
    let config = LoraAdapterConfig::new(RANK, 8.0, names.map(str::to_owned).to_vec());
    PeftAdapter { config: PeftConfig::Lora(Box::new(config)), tensors }
}

/// Greedy texts of a file, as tokens.
fn texts(path: &Utf8Path, prompts: &[Vec<u32>], adapter: Option<&PeftAdapter>) -> Vec<Vec<u32>> {
    let checkpoint = Checkpoint::open(path).expect("the file opens");
    let options =
        LoadOptions { dense_type: DenseType::F32, quantized: QuantizedProducts::Dequantized };
    let decoder = Decoder::load_with(&checkpoint, Arc::new(Pool::new(2)), options);
    let decoder = Arc::new(decoder.expect("it loads"));
    let codec = TextCodec::from_checkpoint(&checkpoint).expect("it has a tokenizer");
    let (limits, budget) =
        (SchedulerLimits::default(), KvBudget::Sequences { count: 4, tokens: 256 });
    let runner = ModelRunner::new(decoder.clone(), KvType::Bf16, budget, limits);
    let (runner, _) = runner.expect("the cache fits");
    let mut engine = Engine::new(runner, codec.vocabulary().clone(), limits);
    let adapter: Option<AdapterId> = adapter.map(|adapter| {
        let packed = decoder.pack_adapter(adapter).expect("it fits");
        engine.load_adapter(Arc::new(packed)).expect("there is room")
    });
    let request = |prompt: &Vec<u32>| {
        let scope = CacheScope { adapter, ..CacheScope::default() };
        Request { scope, ..Request::new(prompt.clone(), SamplingParams::greedy(NEW_TOKENS)) }
    };
    let requests = prompts.iter().map(request).collect();
    let mut completions =
        engine.run_all(requests, &NoProgress, &Cancel::new()).expect("the engine runs");
    completions.sort_by_key(|completion| completion.id);
    completions.into_iter().map(|completion| completion.tokens).collect()
}

#[test]
fn llama_cpp_is_to_write_the_same_of_merged_files_and_adapters() {
    let folder = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let source = Utf8PathBuf::from(folder).join("smollm2-135m-instruct.q4_1.gguf");
    let source = Checkpoint::open(&source).expect("the model opens");
    let codec = TextCodec::from_checkpoint(&source).expect("it has a tokenizer");
    let ask = |question: &&str| codec.encode_messages(&[Message::new(Role::User, *question)]);
    let prompts: Vec<Vec<u32>> =
        QUESTIONS.iter().map(|question| ask(question).expect("it encodes")).collect();

    let guard = tempfile::tempdir().expect("a folder");
    let out = std::env::var("CATENA_LLAMA_CPP_OUT").map(Utf8PathBuf::from);
    let out = out.unwrap_or_else(|_| {
        Utf8PathBuf::from_path_buf(guard.path().to_owned()).expect("its name is UTF-8")
    });
    let (base, merged) = (out.join("base.gguf"), out.join("merged.gguf"));
    let rule = GgufRule { linear: GgmlType::BF16, embedding: GgmlType::BF16 };
    write_gguf(&base, &ExportSource::new(&source), rule).expect("it is written");
    let checkpoint = Checkpoint::open(&base).expect("the file opens");
    let adapter = adapter(&checkpoint);
    let with = ExportSource::new(&checkpoint).with_adapter(&adapter).expect("it fits");
    write_gguf(&merged, &with, rule).expect("it is written");
    let file = out.join("adapter.gguf");
    write_gguf_adapter(&file, &adapter, checkpoint.config()).expect("it is written");
    let read = read_gguf_adapter(&file, checkpoint.config()).expect("it is read");

    let plain = texts(&base, &prompts, None);
    let beside = texts(&base, &prompts, Some(&read));
    let inside = texts(&merged, &prompts, None);
    assert_eq!(beside, texts(&base, &prompts, Some(&adapter)), "the file holds another adapter");
    assert!(plain.iter().zip(&beside).all(|(a, b)| a != b), "the adapter changes nothing");
    let equal = |a: &[u32], b: &[u32]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let same: usize = beside.iter().zip(&inside).map(|(a, b)| equal(a, b)).sum();
    let written: usize = beside.iter().map(Vec::len).sum();
    assert!(same * 2 > written, "merged weights write otherwise: {same} of {written}");
    let expected = json!({
        "prompts": prompts, "new_tokens": NEW_TOKENS,
        "files": {
            "base.gguf": { "adapter": null, "tokens": plain },
            "merged.gguf": { "adapter": null, "tokens": inside },
            "base.gguf with adapter.gguf": { "adapter": "adapter.gguf", "tokens": beside },
        },
    });
    std::fs::write(out.join("expected.json"), expected.to_string()).expect("it is written");
}
