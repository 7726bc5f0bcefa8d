//! Adapters on a tiny random Llama: several in one batch, loaded and dropped while others run.

use super::fake::{self, FakeRunner, alphabet};
use crate::{
    Adapter, AdapterId, AdapterLimits, CacheScope, Completion, Engine, EngineError, EngineHandle,
    Event, KvBudget, ModelRunner, Request, SamplingParams, SchedulerLimits, Vocabulary,
};
use camino::Utf8PathBuf;
use catena_kernels::{KvType, Pool};
use catena_model::safetensors::SafetensorsFile;
use catena_model::{Checkpoint, Decoder, PeftAdapter};
use catena_protocol::{Cancel, NoProgress};
use std::sync::Arc;

const NAMES: [&str; 3] = ["attention", "all", "patterns"];
const NEW_TOKENS: usize = 24;

fn golden(name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden").join(name)
}

fn decoder(base: &str) -> Arc<Decoder> {
    let checkpoint = Checkpoint::open(&golden(base)).expect("the model opens");
    Arc::new(Decoder::load(&checkpoint, Arc::new(Pool::new(2))).expect("it loads"))
}

fn engine_of(decoder: &Arc<Decoder>, limits: SchedulerLimits) -> Engine<ModelRunner> {
    let budget = KvBudget::Sequences { count: 16, tokens: 128 };
    let (runner, _) =
        ModelRunner::new(decoder.clone(), KvType::Bf16, budget, limits).expect("the cache fits");
    let vocabulary = Vocabulary::new((0..96_u8).map(|byte| (vec![byte], false)), vec![]);
    Engine::new(runner, Arc::new(vocabulary), limits)
}

fn engine(limits: SchedulerLimits) -> Engine<ModelRunner> {
    engine_of(&decoder("tiny_llama"), limits)
}

fn packed(name: &str) -> Arc<Adapter> {
    let adapter = PeftAdapter::read(&golden("adapters").join(name)).expect("PEFT wrote it");
    Arc::new(decoder("tiny_llama").pack_adapter(&adapter).expect("it fits"))
}

/// The adapters, ready for [`FakeRunner`]s as well.
pub(crate) fn packed_adapters() -> [Arc<Adapter>; 3] {
    NAMES.map(packed)
}

fn request(prompt: usize, adapter: Option<AdapterId>) -> Request {
    // A beginning that all share, so that a prefix of one must not be taken for another's.
    let shared = (0..40).map(|i| i * 7 % 96);
    let own = (0..5).map(|i| (prompt * 13 + i * 5) % 96);
    let tokens = shared.chain(own).map(|token| token as u32).collect();
    let scope = CacheScope { adapter, ..CacheScope::default() };
    Request { scope, ..Request::new(tokens, SamplingParams::greedy(NEW_TOKENS)) }
}

fn run<R: crate::Runner>(engine: &mut Engine<R>, requests: Vec<Request>) -> Vec<Completion> {
    engine.run_all(requests, &NoProgress, &Cancel::new()).expect("it runs")
}

/// The answer to each prompt with each adapter and none, each on an engine of its own.
fn alone(prompt: usize, name: Option<&str>) -> Vec<u32> {
    let mut engine = engine(SchedulerLimits::default());
    let id = name.map(|name| engine.load_adapter(packed(name)).expect("there is room"));
    run(&mut engine, vec![request(prompt, id)]).remove(0).tokens
}

#[test]
fn three_adapters_and_none_in_one_batch_answer_as_alone() {
    let roomy = SchedulerLimits::default();
    for limits in [roomy, SchedulerLimits { max_batch_tokens: 17, max_running: 5, ..roomy }] {
        let mut engine = engine(limits);
        let ids = NAMES.map(|name| engine.load_adapter(packed(name)).expect("there is room"));
        let choices = [None, Some(0), Some(1), Some(2), Some(1), None, Some(0), Some(2)];
        let ask = |(prompt, &choice): (usize, &Option<usize>)| {
            request(prompt / 4, choice.map(|idx: usize| ids[idx]))
        };
        let together = run(&mut engine, choices.iter().enumerate().map(ask).collect());
        let mut answers = Vec::new();
        for (prompt, (choice, together)) in choices.iter().zip(&together).enumerate() {
            let expected = alone(prompt / 4, choice.map(|idx| NAMES[idx]));
            assert_eq!(together.tokens, expected, "prompt {prompt}, adapter {choice:?}");
            answers.push(expected);
        }
        answers[..4].sort();
        assert!(answers[..4].windows(2).all(|pair| pair[0] != pair[1]), "adapters that do nothing");
    }
}

#[test]
fn prefixes_are_of_one_adapter() {
    let mut engine = engine(SchedulerLimits::default());
    let ids = NAMES.map(|name| engine.load_adapter(packed(name)).expect("there is room"));
    for round in 0..2 {
        for (name, id) in
            [(None, None), (Some(NAMES[0]), Some(ids[0])), (Some(NAMES[1]), Some(ids[1]))]
        {
            let done = run(&mut engine, vec![request(0, id)]).remove(0);
            assert_eq!(done.cached_tokens > 0, round > 0, "{name:?} in round {round}");
            assert_eq!(done.tokens, alone(0, name), "{name:?} in round {round}");
        }
    }
    // The same adapter again is another one.
    engine.drop_adapter(ids[0]).expect("it is loaded");
    let again = engine.load_adapter(packed(NAMES[0])).expect("there is room");
    assert!(again > ids[2], "{again:?} was used before");
    let done = run(&mut engine, vec![request(0, Some(again))]).remove(0);
    assert_eq!((done.cached_tokens, done.tokens), (0, alone(0, Some(NAMES[0]))));
}

#[test]
fn a_dropped_adapter_runs_to_the_end_of_its_last_sequence() {
    let mut engine = engine(SchedulerLimits::default());
    let id = engine.load_adapter(packed(NAMES[0])).expect("there is room");
    let first = engine.add(request(0, Some(id))).expect("it is loaded");
    let cancelled = engine.add(request(1, Some(id))).expect("it is loaded");
    let mut events = engine.step().expect("it runs");
    engine.drop_adapter(id).expect("it is loaded");
    let refused = engine.add(request(0, Some(id))).expect_err("it was dropped");
    assert!(matches!(refused, EngineError::UnknownAdapter { id: found } if found == id));
    assert!(matches!(engine.drop_adapter(id), Err(EngineError::UnknownAdapter { .. })));
    assert_eq!(engine.cancel(cancelled).len(), 1);
    assert_eq!(engine.num_adapters(), 1, "a sequence still runs with it");
    // Another one comes and runs meanwhile.
    let other = engine.load_adapter(packed(NAMES[1])).expect("there is room");
    let second = engine.add(request(0, Some(other))).expect("it is loaded");
    while engine.has_work() {
        events.extend(engine.step().expect("it runs"));
    }
    assert_eq!(engine.num_adapters(), 1, "the dropped one is gone");
    let answer = |wanted| {
        events.iter().find_map(|(id, event)| match event {
            Event::Finished(done) if *id == wanted => Some(done.tokens.clone()),
            Event::Finished(_) | Event::Token(_) | Event::Failed(_) => None,
        })
    };
    assert_eq!(answer(first), Some(alone(0, Some(NAMES[0]))));
    assert_eq!(answer(second), Some(alone(0, Some(NAMES[1]))));
    engine.drop_adapter(other).expect("it is loaded");
    assert_eq!(engine.num_adapters(), 0, "nothing runs with it");
}

#[test]
fn adapters_come_and_go_through_the_handle() {
    let handle = EngineHandle::spawn(engine(SchedulerLimits::default()), 8).expect("it starts");
    let plain = handle.submit(request(0, None)).expect("there is room");
    let id = handle.load_adapter(packed(NAMES[2])).expect("there is room");
    let with = handle.submit(request(0, Some(id))).expect("it is loaded");
    handle.drop_adapter(id).expect("it is loaded");
    let refused = handle.submit(request(0, Some(id))).err();
    assert!(matches!(refused, Some(EngineError::UnknownAdapter { .. })));
    assert!(matches!(handle.drop_adapter(id), Err(EngineError::UnknownAdapter { .. })));
    for (events, name) in [(plain, None), (with, Some(NAMES[2]))] {
        let last = events.last().expect("it ended");
        assert!(matches!(last, Event::Finished(done) if done.tokens == alone(0, name)), "{name:?}");
    }
    handle.shutdown(true);
    assert!(matches!(handle.load_adapter(packed(NAMES[2])), Err(EngineError::Stopped)));
}

#[test]
fn what_cannot_be_loaded_is_refused() {
    let adapter = packed(NAMES[1]);
    let (max_adapters, bytes) = (2, adapter.bytes());
    let limits = AdapterLimits { max_adapters, max_bytes: 2 * bytes - 1 };
    let mut small = engine(SchedulerLimits::default()).with_adapter_limits(limits);
    let first = small.load_adapter(adapter.clone()).expect("there is room");
    let refused = small.load_adapter(adapter.clone()).expect_err("too many bytes");
    assert!(matches!(refused, EngineError::AdapterBytes { .. }), "{refused}");
    small.load_adapter(packed(NAMES[2])).expect("it is smaller");
    let refused = small.load_adapter(packed(NAMES[2])).expect_err("too many");
    assert!(matches!(refused, EngineError::TooManyAdapters { limit: 2 }), "{refused}");
    small.drop_adapter(first).expect("it is loaded");
    small.load_adapter(adapter.clone()).expect("there is room again");

    let mut other = engine_of(&decoder("families/mistral"), SchedulerLimits::default());
    let refused = other.load_adapter(adapter.clone()).expect_err("another model's");
    assert!(matches!(refused, EngineError::Adapter(_)), "{refused}");
    let runner = FakeRunner::new(8, alphabet);
    let mut fake = Engine::new(runner, fake::vocabulary(), SchedulerLimits::default());
    let refused = fake.load_adapter(adapter).expect_err("it has no adapters");
    assert!(matches!(refused, EngineError::Adapter(_)), "{refused}");
    let refused = fake.add(request(0, Some(AdapterId(0)))).expect_err("it is not loaded");
    assert!(matches!(refused, EngineError::UnknownAdapter { .. }), "{refused}");
}

/// A prefix stands before the prompt: the first token is the one that PEFT's logits give, and what is
/// counted is what the client sent.
#[test]
fn a_prefix_stands_before_the_prompt() {
    let file =
        SafetensorsFile::open(&golden("adapters/prefix/forward.safetensors")).expect("opens");
    let logits = file.tensor("logits").and_then(|view| view.to_f32()).expect("f32");
    let bytes = file.tensor("tokens").expect("tokens").bytes;
    let ids = bytes.chunks_exact(4).map(|id| u32::from_le_bytes([id[0], id[1], id[2], id[3]]));
    let prompt: Vec<u32> = ids.collect();
    let last = &logits[logits.len() - 96..];
    let best = (0..96).max_by(|&a, &b| last[a].total_cmp(&last[b]));
    let mut engine = engine(SchedulerLimits::default());
    let prefix = engine.load_adapter(packed("prefix")).expect("it loads");
    let with = |adapter| {
        let scope = CacheScope { adapter, ..CacheScope::default() };
        let request = Request::new(prompt.clone(), SamplingParams::greedy(8));
        Request { scope, score_from: Some(1), ..request }
    };
    let alone = run(&mut engine, vec![with(Some(prefix))]).remove(0);
    assert_eq!(alone.tokens.first().map(|&token| token as usize), best);
    assert_eq!(alone.usage.prompt_tokens, prompt.len());
    assert_eq!(alone.prompt_logprobs.len(), prompt.len() - 1);
    assert_eq!(alone.cached_tokens, 0);
    let both = run(&mut engine, vec![with(None), with(Some(prefix)), with(None)]);
    assert_eq!(both[1].tokens, alone.tokens);
    assert_eq!(both[1].prompt_logprobs, alone.prompt_logprobs);
    assert_eq!(both[0].tokens, both[2].tokens);
    assert_ne!(both[0].prompt_logprobs, alone.prompt_logprobs, "the prefix changes something");
}
