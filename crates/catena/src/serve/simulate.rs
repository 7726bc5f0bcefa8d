//! `catena serve --simulate`: a model without weights, for tests of capacity, routers and
//! autoscalers.
//!
//! Everything but the model is the real thing: HTTP, keys, limits, the queue, the scheduler, the
//! blocks of the cache and its known prefixes. The model takes as long as it is told and writes
//! words that mean nothing, to the last token asked for.

use super::{Listener, Options};
use crate::args::{ServeArgs, SimulateArgs};
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use crate::progress::say;
use catena_engine::{
    BLOCK_TOKENS, BlockGroup, ChatInput, Engine, EngineError, EngineHandle, LogitsFor, PromptCodec,
    Runner, RunnerError, SchedulerLimits, SeqInput, TextToken, ToolSyntax, Vocabulary,
};
use catena_protocol::Cancel;
use catena_serve::{App, LanguageModel, ServedModel};
use std::sync::Arc;
use std::time::Duration;

/// Single bytes, so that every form of output can be written, then words.
const BYTES: u32 = 256;
const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
const VOWELS: &[u8] = b"aeiou";
/// Bytes of a prompt that make a token, as in English.
const BYTES_PER_TOKEN: usize = 4;
/// Tokens of an answer when a request gives no limit.
const DEFAULT_TOKENS: usize = 128;

/// Runs `catena serve --simulate NAME`.
pub(super) fn run(args: &ServeArgs, name: &str, cancel: &Cancel) -> Result<(), Failure> {
    let listener = Listener::open(Options::of_flags(&args.listen)?)?;
    let simulated = &args.simulated;
    let start = || -> Result<_, BoxError> {
        let serve = listener.options().serve();
        let model = model(simulated, serve.max_sequences, serve.max_waiting)?;
        let models = vec![(name.to_owned(), ServedModel::Language(model))];
        let (settings, observers) = listener.app_parts();
        let app = App::with(models, settings, observers);
        let router = catena_serve::alone(app.clone());
        listener.serve(app, router, None)
    };
    let server = start()
        .map_err(|error| Failure::of(Exit::Environment, "cannot serve a simulated model", error))?;
    say(&format!("  simulated API: {}/v1  (Ctrl-C stops)", server.address()));
    server.wait(cancel)
}

fn model(
    args: &SimulateArgs,
    max_running: usize,
    max_waiting: usize,
) -> Result<LanguageModel, BoxError> {
    let vocabulary = Arc::new(vocabulary());
    let limits = SchedulerLimits { max_running, ..SchedulerLimits::default() };
    let blocks_each = args.context.div_ceil(BLOCK_TOKENS);
    let runner = Simulated {
        vocab_size: vocabulary.len(),
        num_blocks: args.kv_blocks.unwrap_or(blocks_each * max_running).max(blocks_each),
        context: args.context,
        step: millis(args.step_ms),
        sequence: millis(args.sequence_ms),
        token: Duration::from_secs_f64(1.0 / args.prompt_tokens_per_second),
        logits: Vec::new(),
    };
    let engine = Engine::new(runner, vocabulary.clone(), limits);
    let codec = Codec { words: vocabulary.len() as u64 - u64::from(BYTES) - 1 };
    let engine = EngineHandle::spawn(engine, max_waiting)?;
    let default_max_tokens = DEFAULT_TOKENS;
    Ok(LanguageModel { default_max_tokens, ..LanguageModel::new(engine, Arc::new(codec)) })
}

/// A model that takes no time.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn instant_model() -> Result<LanguageModel, BoxError> {
    let args = SimulateArgs {
        step_ms: 0.001,
        sequence_ms: 0.001,
        prompt_tokens_per_second: 1e9,
        context: 8192,
        kv_blocks: None,
    };
    model(&args, 16, 16)
}

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(millis / 1e3)
}

/// Bytes, words such as ` kelo`, and the end, which the model never writes by itself.
fn vocabulary() -> Vocabulary {
    let bytes = (0..=u8::MAX).map(|byte| (vec![byte], false));
    let syllables = || CONSONANTS.iter().flat_map(|c| VOWELS.iter().map(|v| [*c, *v]));
    let word =
        |(first, second): ([u8; 2], [u8; 2])| ([b" ", &first[..], &second[..]].concat(), false);
    let words = syllables().flat_map(|first| syllables().map(move |second| (first, second)));
    let words: Vec<_> = words.map(word).collect();
    let eos = BYTES + u32::try_from(words.len()).expect("a few thousand words");
    let end = std::iter::once((b"<end>".to_vec(), true));
    Vocabulary::new(bytes.chain(words).chain(end), vec![eos])
}

/// Four bytes to a token, always the same token: equal beginnings of prompts are equal tokens.
struct Codec {
    words: u64,
}

impl PromptCodec for Codec {
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        let turns = chat.messages.iter().flat_map(|message| [message.text(), "\n"]);
        self.encode_text(&turns.collect::<String>())
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        None
    }

    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError> {
        let tokens = (0..).step_by(BYTES_PER_TOKEN).zip(self.encode_text(text)?);
        let covering = |(at, token): (usize, u32)| {
            let end = text.ceil_char_boundary(at + BYTES_PER_TOKEN);
            TextToken { token, span: Some(text.floor_char_boundary(at)..end) }
        };
        Ok(tokens.map(covering).collect())
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let token = |chunk: &[u8]| {
            let value = chunk.iter().fold(7_u64, |sum, byte| sum * 257 + u64::from(*byte));
            BYTES + u32::try_from(mixed(value) % self.words).expect("below the number of words")
        };
        Ok(text.as_bytes().chunks(BYTES_PER_TOKEN).map(token).collect())
    }
}

/// A model that takes its time.
struct Simulated {
    vocab_size: usize,
    num_blocks: usize,
    context: usize,
    /// Of every step.
    step: Duration,
    /// Of each sequence of a step that writes.
    sequence: Duration,
    /// Of each token that is read.
    token: Duration,
    logits: Vec<f32>,
}

impl Runner for Simulated {
    fn block_groups(&self) -> Vec<BlockGroup> {
        vec![BlockGroup { num_blocks: self.num_blocks, sliding_window: None }]
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_positions(&self) -> usize {
        self.context
    }

    fn forward(&mut self, seqs: &[SeqInput<'_>]) -> Result<&[f32], RunnerError> {
        let (mut time, mut rows) = (self.step, 0);
        let words = self.vocab_size as u64 - u64::from(BYTES) - 1;
        self.logits.clear();
        for seq in seqs {
            let count = seq.tokens.len();
            time += if count == 1 { self.sequence } else { self.token * u32::try_from(count)? };
            let first = match seq.logits {
                LogitsFor::None => continue,
                LogitsFor::Last => count - 1,
                LogitsFor::From(row) => row,
            };
            for row in first..count {
                let place = (seq.start_pos + row) as u64;
                let next = mixed(place << 32 | u64::from(seq.tokens[row])) % words;
                rows += 1;
                self.logits.resize(rows * self.vocab_size, 0.0);
                let row_v = &mut self.logits[(rows - 1) * self.vocab_size..];
                // Words before bytes, and both before the end: a form may still ask for any of them.
                row_v[self.vocab_size - 1] = -30.0;
                row_v[BYTES as usize + usize::try_from(next)?] = 30.0;
            }
        }
        std::thread::sleep(time);
        Ok(&self.logits)
    }
}

/// A well spread number for each number.
///
/// # Source
/// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", the mixing function
/// of SplitMix64.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Codec, model, vocabulary};
    use crate::args::SimulateArgs;
    use catena_engine::{PromptCodec, Request, SamplingParams};
    use catena_protocol::FinishReason;
    use std::time::{Duration, Instant};

    fn args() -> SimulateArgs {
        SimulateArgs {
            step_ms: 2.0,
            sequence_ms: 1.0,
            prompt_tokens_per_second: 1000.0,
            context: 512,
            kv_blocks: None,
        }
    }

    #[test]
    fn equal_beginnings_are_equal_tokens() {
        let codec = Codec { words: 4900 };
        let [a, b] = ["the same beginning, one end", "the same beginning, the other"]
            .map(|text| codec.encode_text(text).unwrap());
        assert_eq!(a[..5], b[..5]);
        assert_ne!(a[5..], b[5..]);
    }

    #[test]
    fn an_answer_takes_as_long_as_it_is_told() {
        let model = model(&args(), 4, 4).unwrap();
        let prompt = model.codec.encode_text(&"x".repeat(400)).unwrap();
        assert_eq!(prompt.len(), 100);
        let begun = Instant::now();
        let done = model.engine.generate(Request::new(prompt, SamplingParams::greedy(20))).unwrap();
        // 100 tokens read at 1 ms, and 20 steps or more at 2 ms.
        assert!(
            begun.elapsed() >= Duration::from_millis(100 + 2 * 19 + 19),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!((done.tokens.len(), done.finish_reason), (20, FinishReason::Length));
        assert_eq!(done.text.split_whitespace().count(), 20, "{}", done.text);
        assert!(vocabulary().len() > 4000);
    }
}
