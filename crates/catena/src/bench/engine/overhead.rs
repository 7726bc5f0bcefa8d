//! What the engine costs beside the model: steps over a model that takes no time.

use super::watch::greedy;
use crate::bench::cells::{Named, Samples};
use crate::models::BoxError;
use catena_engine::{
    BLOCK_TOKENS, BlockGroup, Engine, LogitsFor, Request, Runner, RunnerError, SchedulerLimits,
    SeqInput, Vocabulary,
};
use std::sync::Arc;
use std::time::Instant;

/// Sequences that generate at once, and the tokens of their prompts.
const SEQUENCES: usize = 64;
const PROMPT: usize = 128;
/// Steps until all of them generate.
const WARM_STEPS: usize = 200;
/// The scheduler alone: few tokens to choose among. With the choice: as many as `SmolLM2` has.
const SCHEDULER: Case = Case { cell: "infer/scheduler/64", vocab_size: 32, steps: 2000 };
const SAMPLING: Case = Case { cell: "infer/scheduler/64/sampling", vocab_size: 49_152, steps: 200 };

struct Case {
    cell: &'static str,
    vocab_size: usize,
    steps: usize,
}

/// The names of its cells.
pub(super) fn cells() -> Vec<Named> {
    [SCHEDULER, SAMPLING].map(|case| Named::less(case.cell, "µs")).into()
}

/// Microseconds of a step, in the mean.
pub(super) fn round(samples: &mut Samples) -> Result<(), BoxError> {
    for case in [SCHEDULER, SAMPLING] {
        samples.push(case.cell, microseconds(&case)?);
    }
    Ok(())
}

fn microseconds(case: &Case) -> Result<f64, BoxError> {
    let tokens = PROMPT + WARM_STEPS + case.steps + BLOCK_TOKENS;
    let vocabulary = (0..case.vocab_size).map(|_| (b"word ".to_vec(), false));
    let vocabulary = Arc::new(Vocabulary::new(vocabulary, Vec::new()));
    let runner = ReadyRunner::new(case.vocab_size, tokens);
    let mut engine = Engine::new(runner, vocabulary, SchedulerLimits::default());
    for sequence in 0..SEQUENCES {
        // Every prompt is another one, so that none is found in a cache.
        let token = |position: usize| u32::from((sequence >> (position % 6)) % 2 == 1);
        let prompt = (0..PROMPT).map(token).collect();
        engine.add(Request::new(prompt, greedy(tokens - PROMPT)))?;
    }
    for _ in 0..WARM_STEPS {
        engine.step()?;
    }
    let start = Instant::now();
    for _ in 0..case.steps {
        let events = engine.step()?;
        if events.len() != SEQUENCES {
            return Err(format!("{} of {SEQUENCES} sequences generated", events.len()).into());
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / case.steps as f64)
}

/// A model whose every token has the same logits, there before they are asked for.
struct ReadyRunner {
    vocab_size: usize,
    num_blocks: usize,
    max_positions: usize,
    logits: Vec<f32>,
}

impl ReadyRunner {
    fn new(vocab_size: usize, tokens: usize) -> Self {
        let mut row_v = vec![0.0; vocab_size];
        row_v[vocab_size / 2] = 1.0;
        Self {
            vocab_size,
            num_blocks: SEQUENCES * tokens.div_ceil(BLOCK_TOKENS) + SEQUENCES,
            max_positions: tokens,
            logits: row_v.repeat(SEQUENCES),
        }
    }
}

impl Runner for ReadyRunner {
    fn block_groups(&self) -> Vec<BlockGroup> {
        vec![BlockGroup { num_blocks: self.num_blocks, sliding_window: None }]
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        self.max_positions
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        let rows = seqs.iter().map(|seq| match seq.logits {
            LogitsFor::None => 0,
            LogitsFor::Last => 1,
            LogitsFor::From(row) => seq.tokens.len() - row,
        });
        let rows: usize = rows.sum();
        if rows > SEQUENCES {
            return Err(format!("{rows} rows asked for, {SEQUENCES} are there").into());
        }
        Ok(&self.logits[..rows * self.vocab_size])
    }

    fn step_cost(&self, rows: usize) -> f64 {
        // The same token for ever is easily guessed; here every step shall be one token long.
        (rows * rows) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_generates_in_every_step() {
        let case = Case { cell: "x", vocab_size: 8, steps: 40 };
        assert!(microseconds(&case).expect("it runs") > 0.0);
    }
}
