//! A model whose next token depends on everything before it, read back from its paged cache: a
//! block that is lost, shared or written twice changes the output.

use crate::{BlockGroup, Runner, RunnerError, Vocabulary};
use catena_kernels::BLOCK_TOKENS;
use catena_model::{LogitsFor, SeqInput};
use std::sync::{Arc, mpsc};

/// One token per byte, then end of sequence and one more special token.
pub(crate) const VOCAB_SIZE: usize = 258;
pub(crate) const EOS: u32 = 256;
/// Tokens the fake model was made for.
pub(crate) const MAX_POSITIONS: usize = 512;

pub(crate) fn vocabulary() -> Arc<Vocabulary> {
    let bytes = (0..=255_u8).map(|byte| (vec![byte], false));
    let special = [(b"<eos>".to_vec(), true), (b"<tool>".to_vec(), true)];
    Arc::new(Vocabulary::new(bytes.chain(special), vec![EOS]))
}

/// Tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

/// The model's logits after `history`.
pub(crate) type Rule = fn(&[u32]) -> Vec<f32>;

pub(crate) struct FakeRunner {
    rule: Rule,
    cache: Vec<Option<u32>>,
    logits: Vec<f32>,
    /// Each step waits for one of these, if there is a gate.
    gate: Option<mpsc::Receiver<Gate>>,
    /// Tokens of each step.
    pub(crate) steps: Vec<Vec<usize>>,
}

/// What a gated step does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gate {
    Run,
    Fail,
    Panic,
}

impl FakeRunner {
    pub(crate) fn new(num_blocks: usize, rule: Rule) -> Self {
        let cache = vec![None; num_blocks * BLOCK_TOKENS];
        Self { rule, cache, logits: Vec::new(), gate: None, steps: Vec::new() }
    }

    pub(crate) fn gated(num_blocks: usize, rule: Rule) -> (Self, mpsc::Sender<Gate>) {
        let (sender, gate) = mpsc::channel();
        (Self { gate: Some(gate), ..Self::new(num_blocks, rule) }, sender)
    }
}

impl Runner for FakeRunner {
    fn block_groups(&self) -> Vec<BlockGroup> {
        let num_blocks = self.cache.len() / BLOCK_TOKENS;
        vec![BlockGroup { num_blocks, sliding_window: None }]
    }

    fn vocab_size(&self) -> usize {
        VOCAB_SIZE
    }

    fn max_positions(&self) -> usize {
        MAX_POSITIONS
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        if let Some(gate) = &self.gate {
            match gate.recv() {
                Ok(Gate::Run) => {}
                Ok(Gate::Fail) | Err(mpsc::RecvError) => return Err("the gate is closed".into()),
                Ok(Gate::Panic) => panic!("the fake model panics as told"),
            }
        }
        self.logits.clear();
        self.steps.push(seqs.iter().map(|seq| seq.tokens.len()).collect());
        let slot = |seq: &SeqInput<'_>, pos: usize| {
            seq.block_tables[0][pos / BLOCK_TOKENS] as usize * BLOCK_TOKENS + pos % BLOCK_TOKENS
        };
        for seq in seqs {
            for (row, &token) in seq.tokens.iter().enumerate() {
                self.cache[slot(seq, seq.start_pos + row)] = Some(token);
            }
        }
        for seq in seqs {
            let first = match seq.logits {
                LogitsFor::None => seq.tokens.len(),
                LogitsFor::Last => seq.tokens.len() - 1,
                LogitsFor::From(row) => row,
            };
            for row in first..seq.tokens.len() {
                let history: Vec<u32> = (0..=seq.start_pos + row)
                    .map(|pos| self.cache[slot(seq, pos)].expect("every position was written"))
                    .collect();
                self.logits.extend((self.rule)(&history));
            }
        }
        Ok(&self.logits)
    }
}

/// Logits in `[-3, 3)` that look random and depend on the whole history; end of sequence is rare.
pub(crate) fn noise(history: &[u32]) -> Vec<f32> {
    let mut seed = 0xcbf2_9ce4_8422_2325_u64;
    for &token in history {
        seed = (seed ^ u64::from(token)).wrapping_mul(0x0100_0000_01b3);
    }
    let value = |token: u64| {
        let mixed = mix(seed ^ token.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (mixed >> 40) as f32 / (1_u64 << 24) as f32 * 6.0 - 3.0
    };
    (0..VOCAB_SIZE as u64).map(value).collect()
}

/// Counts up through the lower-case letters, whatever came before the last token.
pub(crate) fn alphabet(history: &[u32]) -> Vec<f32> {
    let last = history.last().copied().unwrap_or(0);
    let next = if (97..122).contains(&last) { last + 1 } else { 97 };
    one_hot(next)
}

/// Says `abcEOS` whatever it is asked, then starts again.
pub(crate) fn short_answer(history: &[u32]) -> Vec<f32> {
    match history.last() {
        Some(97) => one_hot(98),
        Some(98) => one_hot(99),
        Some(99) => one_hot(EOS),
        Some(_) | None => one_hot(97),
    }
}

pub(crate) fn one_hot(token: u32) -> Vec<f32> {
    let mut row_v = vec![0.0; VOCAB_SIZE];
    row_v[token as usize] = 10.0;
    row_v
}

/// The finalizer of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
