//! Heads and encoders: what they give is what inference gives, and the gradient is that of it.

use camino::Utf8PathBuf;

use super::gradient::dot;
use super::parts::taken;
use super::*;
use crate::encoder::{EncoderWeights, SequenceClassifier, TextEmbedder, TokenClassifier};
use crate::training::HeadPooling;
use crate::{EncoderInput, LoadOptions, QuantizedProducts};

/// f32 sums in another order.
const CLOSE: f32 = 2e-5;

fn golden(name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/encoders").join(name)
}

/// Tokens and their types.
type Text = (Vec<u32>, Vec<u32>);

/// Texts of random tokens below `vocab`, in one batch, with types if there are two.
fn texts(lens: &[usize], vocab: u32, types: bool) -> (TrainBatch, Vec<Text>) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut batch = TrainBatch::default();
    let mut alone = Vec::new();
    for &len in lens {
        batch.seq_starts.push(batch.tokens.len());
        let tokens: Vec<u32> = (0..len).map(|_| rng.random_range(5..vocab)).collect();
        let kinds: Vec<u32> = (0..len).map(|at| u32::from(types && at > len / 2)).collect();
        batch.tokens.extend(&tokens);
        batch.labels.extend((0..len).map(|at| (at % 3 > 0).then_some(1)));
        if types {
            batch.token_types.extend(&kinds);
        }
        alone.push((tokens, if types { kinds } else { Vec::new() }));
    }
    (batch, alone)
}

fn encoder(name: &str, task: Task, recompute: Recompute) -> TrainModel {
    encoder_by(&Method::Full, name, task, recompute).unwrap()
}

fn encoder_by(
    method: &Method,
    name: &str,
    task: Task,
    recompute: Recompute,
) -> Result<TrainModel, ModelError> {
    encoder_with(method, name, task, &TrainOptions { recompute, ..options(DenseType::F32) })
}

fn encoder_with(
    method: &Method,
    name: &str,
    task: Task,
    options: &TrainOptions,
) -> Result<TrainModel, ModelError> {
    let pool = Arc::new(Pool::new(2));
    let weights = EncoderWeights::open(&golden(name), pool.clone()).unwrap();
    TrainModel::encoder(&weights, task, method, options, pool)
}

fn inputs(alone: &[Text]) -> Vec<EncoderInput<'_>> {
    alone.iter().map(|(tokens, token_types)| EncoderInput { tokens, token_types }).collect()
}

fn exact() -> LoadOptions {
    LoadOptions { dense_type: DenseType::F32, quantized: QuantizedProducts::Dequantized }
}

fn assert_near(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= CLOSE * (1.0 + b.abs()), "{name}: {a}, not {b}");
    }
}

#[test]
fn encoders_give_what_inference_gives() {
    let pool = Arc::new(Pool::new(2));
    for (name, types) in
        [("bert_sequence", true), ("xlm_roberta_sequence", false), ("modernbert_sequence", false)]
    {
        let classifier =
            SequenceClassifier::load_with(&golden(name), pool.clone(), exact()).unwrap();
        let (batch, alone) = texts(&[7, 1, 12], 40, types);
        let expected = classifier.logits(&inputs(&alone)).unwrap().concat();
        let labels = classifier.labels().len();
        let mut model = encoder(name, Task::Sequence { labels }, Recompute::Off);
        assert_near(name, model.outputs(&batch).unwrap(), &expected);
    }
    for (name, types) in
        [("bert_tokens", true), ("roberta_tokens", false), ("modernbert_tokens", false)]
    {
        let classifier = TokenClassifier::load_with(&golden(name), pool.clone(), exact()).unwrap();
        let (mut batch, alone) = texts(&[7, 1, 12], 40, types);
        batch.labels.fill(Some(0));
        let expected = classifier.logits(&inputs(&alone)).unwrap().concat();
        let labels = classifier.labels().len();
        let mut model = encoder(name, Task::Token { labels }, Recompute::Off);
        assert_near(name, model.outputs(&batch).unwrap(), &expected);
    }
    let embedder = TextEmbedder::load_with(&golden("embed_mean"), pool, exact()).unwrap();
    let (batch, alone) = texts(&[7, 1, 12], 40, false);
    let tokens: Vec<Vec<u32>> = alone.into_iter().map(|(tokens, _)| tokens).collect();
    let expected = embedder.embed(&tokens).unwrap();
    let task = Task::Vector { pooling: HeadPooling::Mean };
    let mut model = encoder("embed_mean", task, Recompute::Off);
    let width = model.output_width();
    let found = model.outputs(&batch).unwrap().to_vec();
    for (found, expected) in found.chunks_exact(width).zip(&expected) {
        let norm = found.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scale = if embedder.config().normalize { 1.0 / norm } else { 1.0 };
        let found: Vec<f32> = found.iter().map(|x| x * scale).collect();
        assert_near("embed_mean", &found, expected);
    }
}

/// The gradient of `sum(weights * outputs)` predicts its slope in every tensor.
fn check_gradient(name: &str, model: &mut TrainModel, batch: &TrainBatch) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let count = model.outputs(batch).unwrap().len();
    let weights: Vec<f32> = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
    model.zero_grads();
    model.backward_outputs(batch, &weights).unwrap();
    let grads = model.grads().to_vec();
    let start = model.values().to_vec();
    for param in model.params().to_vec() {
        let part = &grads[param.range.clone()];
        let norm = dot(part, part).sqrt();
        if norm < 1e-4 {
            // Biases of keys shift all scores of a query alike; unused types have no gradient.
            assert!(
                param.name.contains("bias") || param.name.contains("type"),
                "{name} {}",
                param.name
            );
            continue;
        }
        let step = 6e-4 * (part.len() as f32).sqrt().min(8.0);
        let mut at = |step: f32| {
            for i in param.range.clone() {
                model.values_mut()[i] = start[i] + step * grads[i] / norm as f32;
            }
            dot(model.outputs(batch).unwrap(), &weights)
        };
        let found = (at(step) - at(-step)) / (2.0 * f64::from(step));
        at(0.0);
        let bound = 2e-2 * norm + 2e-3;
        assert!((found - norm).abs() < bound, "{name} {}: {found}, not {norm}", param.name);
    }
}

#[test]
fn the_gradient_of_encoders_predicts_their_outputs() {
    for (name, task, types) in [
        ("bert_sequence", Task::Sequence { labels: 3 }, true),
        ("roberta_tokens", Task::Token { labels: 5 }, false),
        ("modernbert_sequence", Task::Sequence { labels: 2 }, false),
        ("modernbert_tokens", Task::Token { labels: 4 }, false),
        ("bert", Task::Vector { pooling: HeadPooling::Mean }, true),
        ("bert", Task::Sequence { labels: 2 }, true),
    ] {
        let (batch, _) = texts(&[7, 1, 12], 40, types);
        check_gradient(name, &mut encoder(name, task, Recompute::Off), &batch);
    }
}

#[test]
fn the_gradient_of_encoders_comes_in_parts() {
    for name in ["bert_sequence", "modernbert_sequence"] {
        let (batch, _) = texts(&[7, 1, 12], 40, false);
        let run = |optimizer_in_backward| {
            let options = TrainOptions { optimizer_in_backward, ..options(DenseType::F32) };
            let task = Task::Sequence { labels: 2 };
            let mut model = encoder_with(&Method::Full, name, task, &options).unwrap();
            let outputs = model.outputs(&batch).unwrap().len();
            model.backward_outputs(&batch, &vec![0.5; outputs]).unwrap();
            if optimizer_in_backward { taken(&mut model) } else { model.grads().to_vec() }
        };
        assert!(run(true) == run(false), "{name}");
    }
}

#[test]
fn encoders_computed_again_have_the_same_bits() {
    for name in ["bert_sequence", "modernbert_sequence"] {
        let (batch, _) = texts(&[7, 1, 12], 40, false);
        let run = |recompute| {
            let mut model = encoder(name, Task::Sequence { labels: 2 }, recompute);
            let outputs = model.outputs(&batch).unwrap().to_vec();
            model.backward_outputs(&batch, &vec![0.5; outputs.len()]).unwrap();
            (outputs, model.grads().to_vec())
        };
        assert!(run(Recompute::Off) == run(Recompute::All), "{name}");
    }
}

#[test]
fn heads_on_decoders_have_the_gradient_of_their_outputs() {
    let batch = batch(&[9, 1, 14], 4);
    let pool = Arc::new(Pool::new(2));
    for task in [
        Task::Sequence { labels: 3 },
        Task::Token { labels: 4 },
        Task::Vector { pooling: HeadPooling::Last },
    ] {
        for method in [Method::Full, Method::Lora(lora(3, &["q_proj", "down_proj"]))] {
            let options = options(DenseType::F32);
            let mut model =
                TrainModel::decoder(&tiny_config(), &Random, task, &method, &options, pool.clone())
                    .unwrap();
            for value in model.values_mut() {
                *value += 0.01;
            }
            check_gradient(&format!("{task:?}"), &mut model, &batch);
        }
    }
}

#[test]
fn weights_tell_the_folder_that_was_opened() {
    let weights = EncoderWeights::open(&golden("bert"), Arc::new(Pool::new(1))).unwrap();
    assert_eq!(weights.path(), golden("bert"));
}

#[test]
fn a_task_without_a_head_and_a_text_without_tokens_are_refused() {
    let pool = Arc::new(Pool::new(1));
    let weights = EncoderWeights::open(&golden("bert"), pool.clone()).unwrap();
    let refused = TrainModel::encoder(
        &weights,
        Task::LanguageModel,
        &Method::Full,
        &options(DenseType::F32),
        pool,
    );
    assert!(refused.err().unwrap().to_string().contains("no head for prediction"));
    let mut model = encoder("bert", Task::Sequence { labels: 2 }, Recompute::Off);
    let (mut batch, _) = texts(&[3, 2], 40, false);
    batch.seq_starts.insert(1, 3);
    assert!(model.outputs(&batch).unwrap_err().to_string().contains("sequence 1"));
    let (mut batch, _) = texts(&[3], 40, false);
    batch.token_types = vec![9; 3];
    assert!(model.outputs(&batch).unwrap_err().to_string().contains("token type 9"));
}

#[test]
fn encoders_are_trained_by_adapters_under_their_own_names() {
    let task = Task::Sequence { labels: 3 };
    let by = |targets: &[&str], name: &str| {
        encoder_by(&Method::Lora(lora(3, targets)), name, task, Recompute::Off)
    };
    for (family, targets) in [
        ("bert_sequence", &["query", "attention.output.dense"][..]),
        ("bert_sequence", &["all-linear"]),
        ("modernbert_sequence", &["Wqkv", "mlp.Wi"]),
    ] {
        let (batch, _) = texts(&[7, 1, 12], 40, family.starts_with("bert"));
        let mut model = by(targets, family).unwrap();
        move_values(&mut model, 2);
        check_gradient(family, &mut model, &batch);
        let adapter = model.adapter().unwrap();
        let crate::adapter::PeftConfig::Lora(config) = &adapter.config else { panic!("pairs") };
        assert_eq!(config.task_type.as_deref(), Some("SEQ_CLS"));
        // The head is trained, so it is saved.
        let whole = config.modules_to_save.as_ref().unwrap();
        assert!(whole.iter().any(|name| name.ends_with("classifier")), "{whole:?}");
        let method = adapter.method().unwrap();
        let mut further = encoder_by(&method, family, task, Recompute::Off).unwrap();
        further.set_adapter(&adapter).unwrap();
        assert_eq!(further.outputs(&batch).unwrap(), model.outputs(&batch).unwrap());
    }
    let refused = by(&["q_proj"], "bert_sequence").err().unwrap().to_string();
    assert!(refused.contains("`q_proj`"), "{refused}");
    let refused = by(&["quary"], "bert_sequence").err().unwrap().to_string();
    assert!(refused.contains("known: dense, key, query, value"), "{refused}");
    let prefix = super::super::PrefixConfig { num_virtual_tokens: 2, zero_init: false, seed: 0 };
    let refused = encoder_by(&Method::Prefix(prefix), "bert", task, Recompute::Off);
    assert!(refused.err().unwrap().to_string().contains("prefix tuning"));
}
