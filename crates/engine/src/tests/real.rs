//! The engine on a real model: SmolLM2-135M-Instruct, 4 bits.

use crate::{
    Completion, Constraint, Engine, KvBudget, ModelRunner, Request, SamplingParams,
    SchedulerLimits, TextCodec,
};
use camino::Utf8PathBuf;
use catena_kernels::{KvType, Pool};
use catena_model::{Checkpoint, Decoder};
use catena_protocol::{Cancel, FinishReason, Message, NoProgress, Role};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

const QUESTIONS: [&str; 16] = [
    "What is a wire transfer?",
    "How do I reset my password?",
    "Name three fruits.",
    "What is 2 + 2?",
    "Who wrote Hamlet?",
    "Explain interest rates in one sentence.",
    "What does a bank do?",
    "Translate 'good morning' into French.",
    "What is a debit card, and how does it differ from a credit card that a bank issues?",
    "Write a haiku about money.",
    "Is the sky blue?",
    "List the days of the week.",
    "What is the capital of Japan?",
    "How many minutes are in two hours?",
    "Say hello.",
    "What should I do if my card was stolen while I was travelling abroad?",
];

struct Model {
    decoder: Arc<Decoder>,
    codec: TextCodec,
}

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = std::env::var("CATENA_TEST_MODELS")
            .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
        let path = Utf8PathBuf::from(folder).join("smollm2-135m-instruct.q4_1.gguf");
        let checkpoint = Checkpoint::open(&path).expect("the model opens");
        let decoder = Decoder::load(&checkpoint, Arc::new(Pool::new(2))).expect("it loads");
        let codec = TextCodec::from_checkpoint(&checkpoint).expect("it has a tokenizer");
        Model { decoder: Arc::new(decoder), codec }
    })
}

fn prompt(question: &str) -> Vec<u32> {
    model().codec.encode_messages(&[Message::new(Role::User, question)]).expect("it encodes")
}

fn run(requests: Vec<Request>, limits: SchedulerLimits, budget: KvBudget) -> Vec<Completion> {
    run_with(KvType::Bf16, requests, limits, budget)
}

fn run_with(
    kv_type: KvType,
    requests: Vec<Request>,
    limits: SchedulerLimits,
    budget: KvBudget,
) -> Vec<Completion> {
    let model = model();
    let (runner, choice) =
        ModelRunner::new(model.decoder.clone(), kv_type, budget, limits).expect("the cache fits");
    assert!(choice.reason.starts_with("kv cache: "));
    let mut engine = Engine::new(runner, model.codec.vocabulary().clone(), limits);
    engine.run_all(requests, &NoProgress, &Cancel::new()).expect("it runs")
}

#[test]
fn greedy_output_is_the_same_alone_and_in_a_batch_of_sixteen() {
    let limits = SchedulerLimits::default();
    let request = |question: &&str| Request::new(prompt(question), SamplingParams::greedy(12));
    let budget = KvBudget::Sequences { count: 16, tokens: 256 };
    let together = run(QUESTIONS.iter().map(request).collect(), limits, budget);
    // Also cut into small chunks and short of blocks.
    let scarce = SchedulerLimits { max_batch_tokens: 24, ..limits };
    let tight = KvBudget::Sequences { count: 3, tokens: 100 };
    let cut = run(QUESTIONS.iter().map(request).collect(), scarce, tight);
    for (idx, question) in QUESTIONS.iter().enumerate() {
        let alone = run(vec![request(question)], limits, budget).remove(0);
        assert_eq!(together[idx].tokens, alone.tokens, "{question}");
        assert_eq!(cut[idx].tokens, alone.tokens, "{question}");
        assert!(!alone.text.trim().is_empty());
    }
    assert!(together[12].text.contains("Tokyo"), "{:?}", together[12].text);
}

#[test]
fn keys_and_values_of_8_bits_do_not_see_the_batch_either() {
    let limits = SchedulerLimits::default();
    let request = |question: &&str| Request::new(prompt(question), SamplingParams::greedy(12));
    let budget = KvBudget::Sequences { count: 8, tokens: 256 };
    let questions = &QUESTIONS[8..];
    let together = run_with(KvType::Int8, questions.iter().map(request).collect(), limits, budget);
    for (question, together) in questions.iter().zip(&together) {
        let alone = run_with(KvType::Int8, vec![request(question)], limits, budget).remove(0);
        assert_eq!(together.tokens, alone.tokens, "{question}");
    }
    assert!(together[4].text.contains("Tokyo"), "{:?}", together[4].text);
}

#[test]
fn seeded_samples_are_the_same_alone_and_in_a_batch() {
    let limits = SchedulerLimits::default();
    let budget = KvBudget::Sequences { count: 16, tokens: 256 };
    let request = |seed: u64| {
        let params =
            SamplingParams { temperature: 0.9, top_p: 0.95, seed, ..SamplingParams::greedy(16) };
        Request::new(prompt("Tell me something about banks."), params)
    };
    let together = run((0..8).map(request).collect(), limits, budget);
    for seed in 0..8 {
        let alone = run(vec![request(seed)], limits, budget).remove(0);
        assert_eq!(together[usize::try_from(seed).expect("small")].tokens, alone.tokens);
    }
    assert_ne!(together[0].tokens, together[1].tokens);
}

#[test]
fn constrained_answers_parse() {
    let schema = json!({
        "type": "object",
        "properties": {"question": {"type": "string", "minLength": 8, "maxLength": 80}},
        "required": ["question"],
        "additionalProperties": false
    });
    let request = |seed: u64| {
        let params = SamplingParams { temperature: 0.8, seed, ..SamplingParams::greedy(120) };
        Request::new(prompt("Write a question a bank's customer would ask, as JSON."), params)
            .with_constraint(Constraint::JsonSchema(schema.clone()))
    };
    let budget = KvBudget::Sequences { count: 8, tokens: 256 };
    for completion in run((0..8).map(request).collect(), SchedulerLimits::default(), budget) {
        assert_eq!(completion.finish_reason, FinishReason::Stop, "{:?}", completion.text);
        let value: Value = serde_json::from_str(&completion.text).expect("it parses");
        let question = value["question"].as_str().expect("a string");
        assert!((8..=80).contains(&question.chars().count()), "{question:?}");
    }
}

#[test]
fn likelier_continuations_score_higher() {
    let codec = &model().codec;
    let encode = |text| codec.tokenizer().encode(text, false, false).expect("it encodes");
    let context = encode("The capital of France is");
    let requests =
        [" Paris", " Berlin", " seven"].map(|text| Request::score(&context, &encode(text)));
    let budget = KvBudget::Sequences { count: 4, tokens: 64 };
    let scores: Vec<f32> = run(requests.to_vec(), SchedulerLimits::default(), budget)
        .iter()
        .map(|completion| completion.prompt_logprobs.iter().sum())
        .collect();
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
    assert!(scores.iter().all(|&score| score < 0.0));
}
