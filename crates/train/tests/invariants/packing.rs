//! One pass over many samples and many passes over one each.

use catena_kernels::DenseType;
use catena_model::training::{Method, Recompute, Task, TrainBatch, TrainModel, TrainOptions};
use catena_protocol::{Cancel, NoProgress};
use catena_train::{
    AdamWConfig, Kto, KtoConfig, KtoSample, Objective, Optimizer, OptimizerConfig, Pass,
    Preference, PreferenceConfig, PreferenceKind, PreferenceSample, Preparation, Purpose, Reward,
    RewardConfig, RewardSample, Sample, Sft, Step, TextRow, Trainable, trained_tensors,
};

use crate::setup::{MAX_TOKENS, dir, distance, language_model, lora, model, options, samples};

/// The same sums in another order in f32.
const ORDER_F32: f64 = 1e-5;
/// Room for the two longest rows, and not for eight of any.
const TWO_ROWS: usize = 48;

/// Loss and gradient of a step of eight samples, in passes of so many tokens.
fn step(
    model: &mut TrainModel,
    objective: &mut dyn Objective,
    micro_step_tokens: usize,
) -> (f64, Vec<f32>) {
    let (_guard, path) = dir();
    let (progress, cancel) = (&NoProgress, &Cancel::new());
    let preparation = Preparation { dir: &path, set: "train", fingerprint: "", progress, cancel };
    objective.prepare(model, &preparation).unwrap();
    // Away from the reference model, where all preferences are even.
    for value in model.values_mut() {
        *value *= 1.05;
    }
    let chosen: Vec<usize> = (0..8).collect();
    model.zero_grads();
    let purpose = Purpose::Learn(Step::default());
    let figures =
        objective.run(model, &Pass { chosen: &chosen, micro_step_tokens, purpose }).unwrap();
    (figures.loss, model.grads().to_vec())
}

pub(crate) fn check<'a>(
    name: &str,
    model: &dyn Fn(usize) -> TrainModel,
    objective: &dyn Fn(usize) -> Box<dyn Objective + 'a>,
) {
    check_within(name, TWO_ROWS, model, objective);
}

/// For samples of which one has at most `longest` tokens.
pub(crate) fn check_within<'a>(
    name: &str,
    longest: usize,
    model: &dyn Fn(usize) -> TrainModel,
    objective: &dyn Fn(usize) -> Box<dyn Objective + 'a>,
) {
    let (loss, grads) = step(&mut model(MAX_TOKENS), objective(MAX_TOKENS).as_mut(), MAX_TOKENS);
    // This one refuses a pass over all.
    let (again, accumulated) = step(&mut model(longest), objective(longest).as_mut(), 1);
    assert!((again / loss - 1.0).abs() < ORDER_F32, "{name}: {again}, not {loss}");
    let error = distance(&accumulated, &grads);
    assert!(error < ORDER_F32, "{name}: {error:e}");
}

pub(crate) fn text(sample: &Sample) -> TextRow {
    TextRow { tokens: sample.tokens.clone(), token_types: Vec::new() }
}

pub(crate) fn full(task: Task) -> impl Fn(usize) -> TrainModel {
    move |max_tokens| {
        let options = TrainOptions { max_tokens, ..options(DenseType::F32) };
        model("tiny_lora", None, task, &Method::Full, &options)
    }
}

#[test]
fn eight_in_one_pass_are_one_in_each_of_eight() {
    let rows = samples(24);
    let sft =
        |max_tokens| Box::new(Sft::new(&rows[..8], max_tokens).unwrap()) as Box<dyn Objective>;
    check("sft", &full(Task::LanguageModel), &sft);
    let adapted = |max_tokens| {
        let options = TrainOptions { max_tokens, ..options(DenseType::F32) };
        model("tiny_lora", None, Task::LanguageModel, &lora(), &options)
    };
    check("sft of pairs", &adapted, &sft);
    let pairs: Vec<PreferenceSample> = rows[..16]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[a, b]| PreferenceSample { chosen: a.clone(), rejected: b.clone() })
        .collect();
    for kind in [PreferenceKind::Sigmoid { label_smoothing: 0.0 }, PreferenceKind::Orpo] {
        let config = PreferenceConfig::new(kind, 0.1);
        check("preference", &full(Task::LanguageModel), &|max_tokens| {
            Box::new(Preference::new(&pairs, config.clone(), max_tokens).unwrap())
        });
    }
    let judged: Vec<KtoSample> = rows[..8]
        .iter()
        .enumerate()
        .map(|(index, row)| KtoSample { row: row.clone(), desirable: index % 3 != 0 })
        .collect();
    check("kto", &full(Task::LanguageModel), &|max_tokens| {
        let config = KtoConfig { undesirable_weight: 1.5, ..KtoConfig::default() };
        Box::new(Kto::new(&judged, config, max_tokens).unwrap())
    });
    let rewarded: Vec<RewardSample> = pairs
        .iter()
        .map(|pair| RewardSample {
            chosen: text(&pair.chosen),
            rejected: text(&pair.rejected),
            margin: 0.1,
        })
        .collect();
    check("reward", &full(Task::Sequence { labels: 1 }), &|max_tokens| {
        Box::new(Reward::new(&rewarded, RewardConfig::default(), max_tokens).unwrap())
    });
}

/// The whole path of the values: ten steps of eight in one pass, and of one in each of eight.
#[test]
fn trajectories_do_not_depend_on_passes() {
    let rows = samples(8);
    let trained = |micro_step_tokens| {
        let mut model = language_model(&Method::Full, Recompute::Off);
        let mut objective = Sft::new(&rows, MAX_TOKENS).unwrap();
        let tensors = trained_tensors(model.params(), 1.0);
        let config = OptimizerConfig::AdamW(AdamWConfig::default());
        let mut optimizer: Box<dyn Optimizer> = config.build(&tensors);
        let pool = catena_kernels::Pool::new(1);
        let chosen: Vec<usize> = (0..8).collect();
        let mut losses = Vec::new();
        for number in 0..10 {
            model.zero_grads();
            let purpose = Purpose::Learn(Step { number, noise: None });
            let pass = Pass { chosen: &chosen, micro_step_tokens, purpose };
            losses.push(objective.run(&mut model, &pass).unwrap().loss);
            let (values, grads) = Trainable::values_and_grads(&mut model);
            optimizer.step(&pool, values, grads, 1.0, 1e-3);
        }
        losses
    };
    let (one, eight) = (trained(MAX_TOKENS), trained(1));
    assert!(one[9] < 0.9 * one[0], "{one:?}");
    for (one, eight) in one.iter().zip(&eight) {
        assert!((eight / one - 1.0).abs() < ORDER_F32, "{eight}, not {one}");
    }
}

/// Rows one after another.
pub(crate) fn as_batch(rows: &[Sample]) -> TrainBatch {
    let mut packed = TrainBatch::default();
    for row in rows {
        packed.seq_starts.push(packed.tokens.len());
        packed.tokens.extend(&row.tokens);
        packed.labels.extend(&row.labels);
    }
    packed
}

/// Every loss has the bits that it has when its sequence is alone; gradients are sums of the same
/// terms.
#[test]
fn packed_sequences_are_as_alone() {
    let rows = samples(9);
    let packed = as_batch(&rows);
    let families = ["gemma3", "gpt_neox", "gpt2", "mixtral", "qwen3_moe"];
    let families = families.map(|name| format!("families/{name}"));
    for name in ["tiny_lora", "tiny_llama"].into_iter().chain(families.iter().map(String::as_str)) {
        for dtype in [DenseType::F32, DenseType::Bf16] {
            let new = || {
                let options = options(dtype);
                model(name, None, Task::LanguageModel, &Method::Full, &options)
            };
            let (mut together, mut apart) = (new(), new());
            together.forward_backward(&packed, 0.5).unwrap();
            let losses = together.losses(&packed).unwrap().to_vec();
            let mut each = Vec::new();
            for row in &rows {
                let batch = as_batch(std::slice::from_ref(row));
                apart.forward_backward(&batch, 0.5).unwrap();
                each.extend_from_slice(apart.losses(&batch).unwrap());
            }
            assert_eq!(losses, each, "{name} {dtype:?}");
            let error = distance(together.grads(), apart.grads());
            // Operands of bf16 are rounded alike; only sums over tokens go in another order.
            assert!(error < ORDER_F32, "{name} {dtype:?}: {error:e}");
        }
    }
}
