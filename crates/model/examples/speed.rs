//! Tokens per second of a decoder and an encoder.
//!
//! ```text
//! cargo run --release -p catena-model --example speed -- GGUF [ENCODER_FOLDER] [THREADS]
//! ```
//!
//! Times are those of the main thread's work where the system tells them and there is one thread,
//! so that a busy machine still gives figures to compare; with more threads they are wall clock.

#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use camino::Utf8Path;
use catena_kernels::{KvCache, Pool};
use catena_model::{Checkpoint, Decoder, Encoder, LoadOptions, LogitsFor, Scratch, SeqInput};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

const REPEATS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, rest @ ..] = args.as_slice() else {
        return Err("usage: speed MODEL.gguf [ENCODER_FOLDER] [THREADS]".into());
    };
    let threads = rest.get(1).map_or(Ok(2), |text| text.parse())?;
    let pool = Arc::new(Pool::new(threads));
    let clock = Clock { own_time: threads == 1 && thread_seconds().is_some() };
    let clock_name = if clock.own_time { "processor time" } else { "wall clock" };
    println!("threads {threads}, level {:?}, {clock_name}", catena_kernels::level());
    let checkpoint = Checkpoint::open(Utf8Path::new(model))?;
    for dequantize in [false, true] {
        let start = Instant::now();
        let options = LoadOptions { dequantize, ..LoadOptions::default() };
        let decoder = Decoder::load_with(&checkpoint, Arc::clone(&pool), options)?;
        println!(
            "{}: loaded in {:.2} s, {:.1} MB",
            if dequantize { "bf16" } else { "as in the file" },
            start.elapsed().as_secs_f64(),
            decoder.bytes() as f64 / 1e6
        );
        decoder_speed(&decoder, clock)?;
    }
    if let Some(folder) = rest.first() {
        encoder_speed(&Encoder::load(Utf8Path::new(folder), pool)?, clock)?;
    }
    Ok(())
}

fn decoder_speed(decoder: &Decoder, clock: Clock) -> Result<(), Box<dyn Error>> {
    let mut kv = KvCache::new(decoder.kv_shape(), 256)?;
    for max_rows in [128, 256, 512] {
        let mut scratch = decoder.new_scratch(max_rows);
        let tokens: Vec<u32> = (0..512).map(|i| 100 + i * 7).collect();
        let blocks: Vec<u32> = (0..32).collect();
        let (best, median) = clock.time(|| {
            let seq = SeqInput {
                tokens: &tokens,
                start_pos: 0,
                block_table: &blocks,
                logits: LogitsFor::Last,
            };
            decoder.forward(&[seq], &mut kv, &mut scratch).map(|_| ())
        })?;
        report(&format!("prefill 512, {max_rows} rows at once"), 512.0, best, median);
    }
    let mut scratch = decoder.new_scratch(64);
    for num_seqs in [1, 4, 16] {
        let (best, median) = clock.time(|| decode(decoder, &mut kv, &mut scratch, num_seqs))?;
        report(&format!("decode {num_seqs} from 128"), (num_seqs * 32) as f64, best, median);
    }
    Ok(())
}

/// 32 steps of `num_seqs` sequences from position 128 on.
fn decode(
    decoder: &Decoder,
    kv: &mut KvCache,
    scratch: &mut Scratch,
    num_seqs: usize,
) -> Result<(), catena_model::ForwardError> {
    let blocks: Vec<u32> = (0..256).collect();
    let tokens: Vec<u32> = (0..64).collect();
    for start_pos in 128..160 {
        let seqs: Vec<SeqInput<'_>> = (0..num_seqs)
            .map(|seq| SeqInput {
                tokens: &tokens[seq..=seq],
                start_pos,
                block_table: &blocks[seq * 16..(seq + 1) * 16],
                logits: LogitsFor::Last,
            })
            .collect();
        decoder.forward(&seqs, kv, scratch)?;
    }
    Ok(())
}

fn encoder_speed(encoder: &Encoder, clock: Clock) -> Result<(), Box<dyn Error>> {
    let texts: Vec<Vec<u32>> =
        (0..32).map(|text| (0..128).map(|i| 1000 + text * 131 + i * 7).collect()).collect();
    let (best, median) = clock.time(|| encoder.embed(&texts).map(|_| ()))?;
    report("embed 32 texts of 128", 32.0 * 128.0, best, median);
    Ok(())
}

/// Seconds that the calling thread has run on a processor, where the system counts them.
fn thread_seconds() -> Option<f64> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds * 1e-9)
}

#[derive(Clone, Copy)]
struct Clock {
    own_time: bool,
}

impl Clock {
    /// Best and median seconds.
    fn time<E>(self, mut run: impl FnMut() -> Result<(), E>) -> Result<(f64, f64), E> {
        let mut seconds = Vec::new();
        for _ in 0..REPEATS {
            let (start, start_own) = (Instant::now(), thread_seconds().unwrap_or(0.0));
            run()?;
            let own = thread_seconds().unwrap_or(0.0) - start_own;
            seconds.push(if self.own_time { own } else { start.elapsed().as_secs_f64() });
        }
        seconds.sort_by(f64::total_cmp);
        Ok((seconds[0], seconds[REPEATS / 2]))
    }
}

fn report(what: &str, tokens: f64, best: f64, median: f64) {
    println!("  {what}: best {:.0} tok/s, median {:.0} tok/s", tokens / best, tokens / median);
}
