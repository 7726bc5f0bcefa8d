//! What a plan says a model takes is what the allocator gives it. Its own binary: the allocator
//! counts the whole process.

#![expect(clippy::unwrap_used, reason = "tests: what fails shall panic")]

use std::sync::{Arc, Mutex, PoisonError};

use catena_kernels::{DenseType, Pool, QuantFormat};
use catena_model::config::MoeConfig;
use catena_model::training::{
    LoraConfig, LoraSettings, Method, Recompute, Task, TrainBatch, TrainModel, TrainOptions,
    WeightSource,
};
use catena_model::{ModelConfig, ModelError, Weight, WeightData};
use peak_alloc::PeakAlloc;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Tests run one after the other: what one takes is not another's.
static TURN: Mutex<()> = Mutex::new(());

const TOKENS: usize = 112;
const FORMAT: QuantFormat = QuantFormat::Q8_0;
const WIDEST: usize = 640;

/// Large enough that names and lists weigh little, small enough that no buffer, nor the memory that
/// layers and head share, is a mapping of its own, which the allocator would not see.
fn config(tied: bool) -> ModelConfig {
    let serde_json::Value::Object(keys) = json!({
        "model_type": "llama", "hidden_size": 256, "intermediate_size": WIDEST,
        "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2,
        "vocab_size": 4096, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": tied, "hidden_act": "silu",
        "bos_token_id": 1, "eos_token_id": 2,
    }) else {
        unreachable!("an object is written above")
    };
    ModelConfig::from_json(keys, "model".into()).unwrap()
}

/// The same with experts, narrower ones in the place of the MLP of most layers.
fn experts() -> ModelConfig {
    let mut config = config(false);
    config.moe = Some(MoeConfig {
        num_experts: 8,
        num_experts_per_tok: 3,
        moe_intermediate_size: 320,
        shared_intermediate_size: 128,
        norm_topk_prob: true,
        routed_scaling_factor: 1.0,
        groups: None,
    });
    config.layers.iter_mut().skip(1).for_each(|layer| layer.moe = true);
    config
}

/// Latent attention and experts, in widths that blocks fit.
fn latent() -> ModelConfig {
    let serde_json::Value::Object(keys) = json!({
        "model_type": "deepseek_v2", "hidden_size": 256, "intermediate_size": WIDEST,
        "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 4,
        "vocab_size": 4096, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0, "tie_word_embeddings": false, "hidden_act": "silu",
        "q_lora_rank": 128, "kv_lora_rank": 64, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
        "v_head_dim": 160, "n_routed_experts": 6, "num_experts_per_tok": 3,
        "moe_intermediate_size": 192, "n_shared_experts": 1, "first_k_dense_replace": 4,
        "bos_token_id": 1, "eos_token_id": 2,
    }) else {
        unreachable!("an object is written above")
    };
    ModelConfig::from_json(keys, "model".into()).unwrap()
}

/// Matrices of blocks that stand for zero, or of bf16 zeros.
struct Zeros {
    blocks: bool,
    bytes: Vec<u8>,
}

impl WeightSource for Zeros {
    fn weight(&self, _: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let data = match shape {
            [rows, columns] if self.blocks => {
                let row = &self.bytes[..FORMAT.row_bytes(*columns)];
                WeightData::Blocks { format: FORMAT, rows: vec![row; *rows] }
            }
            [_] => WeightData::F32(vec![1.0; shape[0]].into()),
            _ => WeightData::Bf16(self.bytes[..2 * shape.iter().product::<usize>()].into()),
        };
        Ok(Weight { shape: shape.to_vec(), data })
    }
}

fn batch() -> TrainBatch {
    let token = |at: usize| u32::try_from(at * 7 % 4096).unwrap();
    TrainBatch {
        tokens: (0..TOKENS).map(token).collect(),
        labels: (0..TOKENS).map(|at| Some(token(at + 1))).collect(),
        seq_starts: vec![0, TOKENS / 3],
        ..TrainBatch::default()
    }
}

fn pair(use_dora: bool) -> Method {
    let lora = LoraConfig {
        r: 16,
        lora_alpha: 32.0,
        use_rslora: false,
        target_modules: vec!["all-linear".to_owned()],
        seed: 1,
    };
    Method::LoraWith(lora, LoraSettings { use_dora, ..LoraSettings::default() })
}

/// Of bf16 products, queries, keys, values, what attention gave, gate and up take two bytes a value.
#[test]
fn operands_of_bf16_products_are_kept_in_two_bytes() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (pool, config) = (Arc::new(Pool::new(1)), config(true));
    let source = Zeros { blocks: false, bytes: vec![0; 2 * 4096 * 256] };
    for again in [0, 2, 6] {
        let kept = [DenseType::F32, DenseType::Bf16].map(|dtype| {
            let recompute = Recompute::Layers(again);
            let options = TrainOptions { dtype, recompute, ..TrainOptions::new(TOKENS) };
            let (task, method) = (Task::LanguageModel, Method::Full);
            let plan =
                TrainModel::plan_decoder(&config, &source, task, &method, &options, pool.clone());
            plan.unwrap().memory.activations
        });
        let operands = 2 * 256 + 2 * 128 + 2 * WIDEST;
        // The residual stream twice, and the log-sum-exps of four heads.
        let others = 4 * (2 * 256 + 4);
        let layers = 6 - again;
        let inputs = again * TOKENS * 4 * 256;
        let expected = [4, 2].map(|size| layers * TOKENS * (size * operands + others) + inputs);
        assert_eq!(kept, expected, "{again} layers again");
    }
}

#[test]
fn a_plan_is_what_is_taken() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = Arc::new(Pool::new(2));
    let (tied, untied) = (config(true), config(false));
    let cases = [
        ("pairs", pair(false), false, &tied, Recompute::Off),
        ("pairs, some layers again", pair(false), false, &tied, Recompute::Layers(3)),
        ("pairs, all layers again", pair(false), false, &untied, Recompute::All),
        ("pairs with magnitudes", pair(true), false, &tied, Recompute::Off),
        ("pairs beside blocks", pair(false), true, &untied, Recompute::Off),
        ("all values", Method::Full, false, &tied, Recompute::Off),
        ("all values, all layers again", Method::Full, false, &untied, Recompute::All),
        ("pairs of experts", pair(false), false, &experts(), Recompute::Off),
        ("pairs of experts, again", pair(true), true, &experts(), Recompute::All),
        ("all values of experts", Method::Full, false, &experts(), Recompute::Layers(2)),
        ("pairs of latents", pair(false), true, &latent(), Recompute::Off),
        ("pairs of latents, again", pair(true), false, &latent(), Recompute::All),
        ("all values of latents", Method::Full, false, &latent(), Recompute::Layers(2)),
    ];
    for (name, method, blocks, config, recompute) in cases {
        for optimizer_in_backward in [false, true] {
            let options =
                TrainOptions { recompute, optimizer_in_backward, ..TrainOptions::new(TOKENS) };
            let what = if optimizer_in_backward { format!("{name}, by part") } else { name.into() };
            let source = Zeros { blocks, bytes: vec![0; 2 * 4096 * 256] };
            check(&what, config, &source, (&method, &options), &pool);
        }
    }
}

/// What is planned for a model is what it has once it learnt a batch.
fn check(
    what: &str,
    config: &ModelConfig,
    source: &Zeros,
    (method, options): (&Method, &TrainOptions),
    pool: &Arc<Pool>,
) {
    let (batch, task) = (batch(), Task::LanguageModel);
    let before = ALLOCATOR.current_usage();
    let plan =
        TrainModel::plan_decoder(config, source, task, method, options, pool.clone()).unwrap();
    let planning = ALLOCATOR.current_usage() - before;
    assert!(planning < 200_000, "{what}: planning keeps {planning} bytes");
    let before = ALLOCATOR.current_usage();
    let mut model =
        TrainModel::decoder(config, source, task, method, options, pool.clone()).unwrap();
    assert_eq!(model.memory(), plan.memory, "{what}");
    assert_eq!(model.params(), plan.params, "{what}");
    model.forward_backward(&batch, 1.0).unwrap();
    while model.next_gradients().is_some() {}
    let taken = (ALLOCATOR.current_usage() - before) as f64;
    let memory = plan.memory;
    let held = memory.weights + memory.values + memory.gradients;
    let planned = (held + memory.activations + memory.working) as f64;
    let error = (planned / taken - 1.0) * 100.0;
    assert!(error.abs() < 4.0, "{what}: planned {planned}, taken {taken}, {memory:?}");
}
