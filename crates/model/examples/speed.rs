//! Tokens per second of a decoder and an encoder.
//!
//! ```text
//! cargo run --release -p catena-model --example speed -- GGUF [ENCODER_FOLDER] [THREADS]
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use camino::Utf8Path;
use catena_kernels::{BLOCK_TOKENS, KvCache, Pool};
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
    println!("threads {threads}, level {:?}", catena_kernels::level());
    let start = Instant::now();
    let checkpoint = Checkpoint::open(Utf8Path::new(model))?;
    for dequantize in [false, true] {
        let options = LoadOptions { dequantize, ..LoadOptions::default() };
        let decoder = Decoder::load_with(&checkpoint, Arc::clone(&pool), options)?;
        println!(
            "{}: loaded in {:.2} s, {:.1} MB",
            if dequantize { "bf16" } else { "as in the file" },
            start.elapsed().as_secs_f64(),
            decoder.bytes() as f64 / 1e6
        );
        decoder_speed(&decoder)?;
    }
    if let Some(folder) = rest.first() {
        encoder_speed(&Encoder::load(Utf8Path::new(folder), pool)?)?;
    }
    Ok(())
}

fn decoder_speed(decoder: &Decoder) -> Result<(), Box<dyn Error>> {
    let mut kv = KvCache::new(decoder.kv_shape(), 256)?;
    for max_rows in [128, 256, 512] {
        let mut scratch = decoder.new_scratch(max_rows);
        let tokens: Vec<u32> = (0..512).map(|i| 100 + i * 7).collect();
        let blocks: Vec<u32> = (0..(512 / BLOCK_TOKENS) as u32).collect();
        let (best, median) = time(|| {
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
        let (best, median) = time(|| decode(decoder, &mut kv, &mut scratch, num_seqs))?;
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

fn encoder_speed(encoder: &Encoder) -> Result<(), Box<dyn Error>> {
    let texts: Vec<Vec<u32>> =
        (0..32).map(|text| (0..128).map(|i| 1000 + text * 131 + i * 7).collect()).collect();
    let (best, median) = time(|| encoder.embed(&texts).map(|_| ()))?;
    report("embed 32 texts of 128", 32.0 * 128.0, best, median);
    Ok(())
}

/// Best and median seconds.
fn time<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<(f64, f64), E> {
    let mut seconds = Vec::new();
    for _ in 0..REPEATS {
        let start = Instant::now();
        run()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds[0], seconds[REPEATS / 2]))
}

fn report(what: &str, tokens: f64, best: f64, median: f64) {
    println!("  {what}: best {:.0} tok/s, median {:.0} tok/s", tokens / best, tokens / median);
}
