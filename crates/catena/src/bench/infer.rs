//! Speed of inference: prompts, single sequences, batches.

use super::cells::Samples;
use super::files::MeasuredFile;
use super::sampling::{in_words, sampled};
use crate::models::{BoxError, LanguageModel};
use catena_engine::{
    Engine, EngineOptions, Event, KvBudget, ModelRunner, Request, SamplingParams, Speculation,
};
use catena_kernels::Pool;
use catena_protocol::{Cancel, Progress};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Instant;

/// Seed of the token ids.
pub(crate) const SEED: u64 = 7;
/// Tokens of the prompts whose reading is timed.
const PREFILLS: [usize; 4] = [64, 512, 2048, 4096];
/// Tokens before the ones that are timed.
const DEPTHS: [usize; 2] = [0, 2000];
/// Sequences that generate at once.
const BATCHES: [usize; 6] = [1, 4, 8, 16, 32, 64];
/// Tokens of a batch's prompts.
pub(crate) const BATCH_PROMPT: usize = 128;
/// Tokens whose generation is timed.
pub(crate) const GENERATED: usize = 64;
/// Tokens that the cache holds beside the longest sequence, for blocks that are not full and for
/// the prompt that warms up.
const SLACK: usize = 64;
/// Every token is computed and every one counts: prompts of one stream begin alike, and random ones
/// make a model repeat itself, which guesses would profit from.
const PLAIN: EngineOptions = EngineOptions { prefix_cache: false, speculation: Speculation::Off };
/// Prompts of a measurement of reading, the fastest counting.
const REPEATS: usize = 3;

/// One kind and size of measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Task {
    /// Reading a prompt of so many tokens.
    Prefill(usize),
    /// Generating after so many tokens.
    Decode(usize),
    /// Generating for so many sequences at once.
    Batch(usize),
}

impl Task {
    /// All of them, in the order of the table.
    pub(crate) fn all() -> Vec<Task> {
        let prefills = PREFILLS.into_iter().map(Task::Prefill);
        let decodes = DEPTHS.into_iter().map(Task::Decode);
        prefills.chain(decodes).chain(BATCHES.into_iter().map(Task::Batch)).collect()
    }

    /// Tokens of its longest sequence.
    pub(crate) fn tokens(self) -> usize {
        match self {
            Task::Prefill(tokens) => tokens + 1,
            // Early sequences generate while later ones are still being read.
            Task::Decode(depth) => depth.max(1) + 2 * GENERATED,
            Task::Batch(_) => BATCH_PROMPT + 2 * GENERATED,
        }
    }

    /// Its sequences.
    fn sequences(self) -> usize {
        if let Task::Batch(size) = self { size } else { 1 }
    }

    /// The cell's name for weights of `format`.
    pub(crate) fn name(self, format: &str) -> String {
        match self {
            Task::Prefill(tokens) => format!("infer/prefill/{tokens}/{format}"),
            Task::Decode(depth) => format!("infer/decode/{depth}/{format}"),
            Task::Batch(size) => format!("infer/batch/{size}/{format}"),
        }
    }
}

/// A model opened for measuring.
pub(crate) struct Bench<'a> {
    model: &'a LanguageModel,
    pool: Arc<Pool>,
    seed: u64,
}

impl<'a> Bench<'a> {
    /// Token ids are drawn from `seed`: speed does not depend on them, repeating a run should not.
    pub(crate) fn new(model: &'a LanguageModel, pool: Arc<Pool>, seed: u64) -> Self {
        Self { model, pool, seed }
    }

    /// One round of every task of the file, in tokens per second.
    pub(crate) fn round(
        &self,
        file: &MeasuredFile,
        samples: &mut Samples,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<(), BoxError> {
        let Some(largest) = file.tasks.iter().map(|task| task.sequences()).max() else {
            return Ok(());
        };
        let tokens = file.tasks.iter().map(|task| task.sequences() * task.tokens());
        let tokens = tokens.max().unwrap_or_default().div_ceil(largest) + SLACK;
        let budget = KvBudget::Sequences { count: largest, tokens };
        let pool = self.pool.clone();
        let mut engine = self.model.engine_with(pool, file.numerics, largest, budget, PLAIN)?.0;
        // The first use of every buffer is not what is measured.
        self.prefill(&mut engine, 64)?;
        progress.begin("catena", Some(file.tasks.len() as u64), "figures");
        for (done, task) in file.tasks.iter().enumerate() {
            if cancel.is_cancelled() {
                break;
            }
            let name = task.name(&file.format);
            progress.note(&name);
            let speed = match *task {
                Task::Prefill(tokens) => self.prefill(&mut engine, tokens)?,
                Task::Decode(depth) => self.decode(&mut engine, depth)?,
                Task::Batch(size) => self.batch(&mut engine, size)?,
            };
            samples.push(&name, speed);
            progress.update(done as u64 + 1);
        }
        progress.end();
        Ok(())
    }

    fn prompt(&self, tokens: usize, stream: u64) -> Vec<u32> {
        let vocab = u32::try_from(self.model.checkpoint.config().vocab_size).unwrap_or(u32::MAX);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        (0..tokens).map(|_| rng.random_range(0..vocab)).collect()
    }

    fn prefill(&self, engine: &mut Engine<ModelRunner>, tokens: usize) -> Result<f64, BoxError> {
        let mut best = f64::INFINITY;
        for repeat in 0..REPEATS {
            engine.add(Request::new(self.prompt(tokens, repeat as u64), params(1)))?;
            let start = Instant::now();
            while engine.has_work() {
                engine.step()?;
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(tokens as f64 / best)
    }

    fn decode(&self, engine: &mut Engine<ModelRunner>, depth: usize) -> Result<f64, BoxError> {
        self.generate(engine, 1, depth.max(1), |_| params(2 * GENERATED))
    }

    fn batch(&self, engine: &mut Engine<ModelRunner>, size: usize) -> Result<f64, BoxError> {
        self.generate(engine, size, BATCH_PROMPT, |seed| sampled(2 * GENERATED, seed))
    }

    /// Tokens per second of `size` sequences together, once all of them have begun.
    fn generate(
        &self,
        engine: &mut Engine<ModelRunner>,
        size: usize,
        prompt: usize,
        params: impl Fn(u64) -> SamplingParams,
    ) -> Result<f64, BoxError> {
        for stream in 0..size as u64 {
            engine.add(Request::new(self.prompt(prompt, stream), params(stream)))?;
        }
        let mut begun = std::collections::BTreeSet::new();
        while begun.len() < size {
            for (id, event) in engine.step()? {
                if matches!(event, Event::Token(_)) {
                    begun.insert(id.0);
                }
            }
        }
        let start = Instant::now();
        let mut generated = 0;
        for _ in 0..GENERATED {
            let events = engine.step()?;
            generated += events.iter().filter(|(_, e)| matches!(e, Event::Token(_))).count();
        }
        let seconds = start.elapsed().as_secs_f64();
        engine.cancel_all();
        Ok(generated as f64 / seconds)
    }
}

/// What tokens of batches are, in words for the results.
pub(crate) fn batch_note() -> String {
    format!("each of Catena's tokens is sampled: {}", in_words())
}

/// Greedy sampling that never stops early.
fn params(max_new_tokens: usize) -> SamplingParams {
    SamplingParams { ignore_eos: true, ..SamplingParams::greedy(max_new_tokens) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kind_size_and_format() {
        let names: Vec<_> = Task::all().iter().map(|task| task.name("q8_0")).collect();
        for name in ["infer/prefill/4096/q8_0", "infer/decode/2000/q8_0", "infer/batch/64/q8_0"] {
            assert!(names.iter().any(|one| one == name), "{names:?}");
        }
    }

    #[test]
    fn a_small_context_leaves_the_long_tasks_out() {
        let fits =
            |context: usize| Task::all().iter().filter(|task| task.tokens() <= context).count();
        assert_eq!(fits(8192), Task::all().len());
        // Prompts of 2,048 and 4,096 tokens, and generating after 2,000.
        assert_eq!(fits(2048), Task::all().len() - 3);
    }
}
