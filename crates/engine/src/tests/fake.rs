//! A model whose next token depends on everything before it, read back from its paged cache: a
//! block that is lost, shared or written twice changes the output.

use crate::{BlockGroup, Runner, RunnerError, Vocabulary};
use catena_kernels::{BLOCK_TOKENS, Pool};
use catena_model::{Adapter, AdapterId, LogitsFor, SeqInput};
use std::collections::HashMap;
use std::sync::{Arc, mpsc};

/// One token per byte, then end of sequence and one more special token.
pub(crate) const VOCAB_SIZE: usize = 258;
pub(crate) const EOS: u32 = 256;
/// Tokens of sequences with an adapter are so many, or a multiple, above what they are.
const MARK: u32 = 1 << 10;
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
    groups: Vec<BlockGroup>,
    /// By group, the token at each place of each block.
    caches: Vec<Vec<Option<u32>>>,
    logits: Vec<f32>,
    /// What is added to the tokens of sequences with an adapter, so that the rule sees it.
    marks: Option<HashMap<AdapterId, u32>>,
    /// Cost of a step of one row; more rows cost next to nothing more, so that every guess is run.
    step_cost: f64,
    /// Each step waits for one of these, if there is a gate.
    gate: Option<mpsc::Receiver<Gate>>,
    /// Threads that it shares with the engine, if it has some.
    pool: Option<Arc<Pool>>,
    /// Tokens that it has; others are an error.
    pub(crate) vocab_size: usize,
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
        Self::with_groups(&[(num_blocks, None)], rule)
    }

    /// With groups of so many blocks that see so many positions. The rule gets what the first
    /// group sees; the others must hold the same tokens.
    pub(crate) fn with_groups(groups: &[(usize, Option<usize>)], rule: Rule) -> Self {
        let group = |&(num_blocks, sliding_window)| BlockGroup { num_blocks, sliding_window };
        Self {
            rule,
            groups: groups.iter().map(group).collect(),
            caches: groups.iter().map(|(n, _)| vec![None; n * BLOCK_TOKENS]).collect(),
            logits: Vec::new(),
            marks: None,
            step_cost: 1.0,
            gate: None,
            pool: None,
            vocab_size: VOCAB_SIZE,
            steps: Vec::new(),
        }
    }

    /// A small model for a larger one, whose steps cost 1.
    pub(crate) fn draft(num_blocks: usize, rule: Rule, step_cost: f64) -> Box<Self> {
        Box::new(Self { step_cost, ..Self::new(num_blocks, rule) })
    }

    /// That also takes adapters, each of which gives other texts.
    pub(crate) fn with_adapters(self) -> Self {
        Self { marks: Some(HashMap::new()), ..self }
    }

    /// That also has threads.
    pub(crate) fn with_threads(self, threads: usize) -> Self {
        Self { pool: Some(Arc::new(Pool::new(threads))), ..self }
    }

    pub(crate) fn gated(num_blocks: usize, rule: Rule) -> (Self, mpsc::Sender<Gate>) {
        let (sender, gate) = mpsc::channel();
        (Self { gate: Some(gate), ..Self::new(num_blocks, rule) }, sender)
    }

    fn write(&mut self, seq: &SeqInput<'_>) {
        let mark = seq.adapter.map_or(0, |id| self.marks.as_ref().expect("it has one")[&id]);
        for (cache, table) in self.caches.iter_mut().zip(seq.block_tables) {
            for (pos, &token) in (seq.start_pos..).zip(seq.tokens) {
                cache[place(table, pos)] = Some(token + mark);
            }
        }
    }

    /// The tokens that a row at `pos` sees.
    fn history(&self, seq: &SeqInput<'_>, pos: usize) -> Vec<u32> {
        let seen = |group: usize| -> Vec<u32> {
            let window = self.groups[group].sliding_window.unwrap_or(usize::MAX);
            let first = (pos + 1).saturating_sub(window);
            let token = |pos| self.caches[group][place(&seq.block_tables[group], pos)];
            (first..=pos).map(|pos| token(pos).expect("every position was written")).collect()
        };
        let history = seen(0);
        for group in 1..self.groups.len() {
            assert!(history.ends_with(&seen(group)), "group {group} holds other tokens");
        }
        history
    }
}

fn place(table: &[u32], pos: usize) -> usize {
    table[pos / BLOCK_TOKENS] as usize * BLOCK_TOKENS + pos % BLOCK_TOKENS
}

impl Runner for FakeRunner {
    fn block_groups(&self) -> Vec<BlockGroup> {
        self.groups.clone()
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        MAX_POSITIONS
    }

    fn pool(&self) -> Option<Arc<Pool>> {
        self.pool.clone()
    }

    fn step_cost(&self, rows: usize) -> f64 {
        self.step_cost + 1e-6 * rows as f64
    }

    fn read_cost(&self) -> f64 {
        0.01 * self.step_cost
    }

    fn load_adapter(&mut self, id: AdapterId, adapter: Arc<Adapter>) -> Result<(), RunnerError> {
        let kind = u32::try_from(adapter.bytes() % 1009).expect("it is small");
        let marks = self.marks.as_mut().ok_or("the fake model has no adapters")?;
        marks.insert(id, MARK * (1 + kind));
        Ok(())
    }

    fn drop_adapter(&mut self, id: AdapterId) {
        let known = self.marks.as_mut().and_then(|marks| marks.remove(&id));
        known.expect("it was loaded");
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
        let mut tokens = seqs.iter().flat_map(|seq| seq.tokens);
        if let Some(token) = tokens.find(|&&token| token as usize >= self.vocab_size) {
            return Err(format!("the fake model has no token {token}").into());
        }
        self.steps.push(seqs.iter().map(|seq| seq.tokens.len()).collect());
        // One after the other: a block may be read only behind the sequence that writes it.
        for seq in seqs {
            self.write(seq);
            let first = match seq.logits {
                LogitsFor::None => seq.tokens.len(),
                LogitsFor::Last => seq.tokens.len() - 1,
                LogitsFor::From(row) => row,
            };
            for row in first..seq.tokens.len() {
                let history = self.history(seq, seq.start_pos + row);
                self.logits.extend(&(self.rule)(&history)[..self.vocab_size]);
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

/// As [`noise`], with passages that mostly repeat the seven tokens before.
pub(crate) fn refrain(history: &[u32]) -> Vec<f32> {
    let mut row_v = noise(history);
    if let Some(before) = history.len().checked_sub(7).filter(|_| history.len() % 40 < 25) {
        row_v[(history[before] % MARK) as usize] += 4.0;
    }
    row_v
}

/// As [`refrain`], and now and then something else.
pub(crate) fn almost_refrain(history: &[u32]) -> Vec<f32> {
    let mut row_v = refrain(history);
    if history.len().is_multiple_of(3) {
        row_v[98] += 8.0;
    }
    row_v
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
