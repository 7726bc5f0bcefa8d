//! Speed of single kernels, as a share of what the processor can do.

use super::cells::{Cell, Results, Samples};
use super::infer::SEED;
use super::limits::described;
use super::peers::{Collected, Peers, check_cancel};
use crate::args::KernelArgs;
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::models::BoxError;
use crate::output::print_line;
use crate::progress::say;
use catena_kernels::{
    AttendParams, BLOCK_TOKENS, DenseMatrix, DenseType, KvCache, KvShape, KvType, MatmulScratch,
    Peaks, Pool, QuantFormat, QuantMatrix, RowOperand, SeqSpan, measure_peaks, measure_read,
};
use catena_protocol::Cancel;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Outputs and inputs of a product of block-quantized weights: an MLP of the small models, with
/// whole blocks in every format.
const WEIGHT: (usize, usize) = (1536, 768);
/// Rows of activations: one sequence, a batch, a prompt.
const ROWS: [usize; 3] = [1, 16, 512];
/// Bytes of weights that one row goes through: more than the last cache of the machines we know.
const COLD_BYTES: usize = 200 << 20;
/// Rows of a dense product in training.
const DENSE_ROWS: usize = 1024;
/// Outputs and inputs of the linear layers of SmolLM2-135M.
const DENSE_SHAPES: [(usize, usize); 4] = [(576, 576), (1536, 576), (576, 1536), (3072, 576)];
/// Heads, key/value heads and dimensions of its attention.
const HEADS: (usize, usize, usize) = (9, 3, 64);
/// What it costs to have all threads do nothing.
const EMPTY_JOB: &str = "kernels/pool/empty";
/// Time for a figure; the fastest run counts.
const TIME: Duration = Duration::from_millis(300);

/// A dense product: `x W^T`, `dy W` or `dy^T x`.
#[derive(Debug, Clone, Copy)]
struct Dense {
    form: &'static str,
    dtype: DenseType,
    n: usize,
    k: usize,
}

impl Dense {
    fn all() -> Vec<Dense> {
        let shapes = |form, dtype| DENSE_SHAPES.map(|(n, k)| Dense { form, dtype, n, k });
        let types = [DenseType::F32, DenseType::Bf16];
        let of_type = |dtype| ["nt", "nn", "tn"].into_iter().flat_map(move |f| shapes(f, dtype));
        types.into_iter().flat_map(of_type).collect()
    }

    fn type_name(self) -> &'static str {
        if self.dtype == DenseType::F32 { "f32" } else { "bf16" }
    }

    fn name(self) -> String {
        let Self { form, n, k, .. } = self;
        format!("kernels/gemm/{}/{form}/{DENSE_ROWS}x{n}x{k}", self.type_name())
    }

    /// What the peers are asked for.
    fn task(self) -> Value {
        json!({
            "cell": self.name(), "form": self.form, "dtype": self.type_name(), "rows": DENSE_ROWS,
            "n": self.n, "k": self.k,
        })
    }
}

/// Runs `catena bench kernels`.
pub(super) fn run(args: &KernelArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    args.rounds.check_file()?;
    let (pool, threads) = (pool(flag), threads(flag).value);
    let failed =
        |error: BoxError| Failure::new(Exit::Environment, "cannot measure the kernels", error);
    let peers = args.peers.then(|| Peers::find(&[], cancel)).transpose()?;
    let (mut ours, mut theirs) = (Samples::default(), Collected::default());
    let bench = Bench { pool: &pool, cancel };
    for label in args.rounds.labels() {
        say(&format!("  {label}: catena"));
        bench.round(&mut ours).map_err(failed)?;
        check_cancel(cancel)?;
        if let Some(peers) = &peers {
            let gemm: Vec<Value> = Dense::all().into_iter().map(Dense::task).collect();
            let task = json!({
                "area": "kernels", "label": label, "format": "gemm", "threads": threads,
                "gemm": gemm,
            });
            peers.round(task, &mut theirs)?;
        }
    }
    let peaks = measure_peaks(&pool);
    let read = measure_read(&pool, COLD_BYTES).map_err(|error| failed(error.into()))?;
    let cells = cells(&ours, &theirs, &peaks, read);
    for cell in &cells {
        print_line(&cell.line());
    }
    let mut machine: BTreeMap<_, _> = described(&peaks).into_iter().collect();
    machine.insert("read", format!("{:.1} GB/s", read / 1e9));
    let results = Results::new(machine, threads, cells, theirs);
    args.rounds.write(&results)
}

/// All cells, with the limit that binds each.
fn cells(ours: &Samples, theirs: &Collected, peaks: &Peaks, read: f64) -> Vec<Cell> {
    let mut limits: Vec<(String, &'static str, Option<f64>)> = Vec::new();
    for rows in ROWS {
        for format in QuantFormat::ALL {
            let name = product_name(format, rows);
            let (unit, limit) = if rows == 1 { ("GB/s", read) } else { ("Gop/s", peaks.int8_ops) };
            limits.push((name, unit, Some(limit / 1e9)));
        }
    }
    for dense in Dense::all() {
        // Without an instruction for it, bf16 is multiplied as f32.
        let native = if dense.dtype == DenseType::F32 { None } else { peaks.bf16_ops };
        limits.push((dense.name(), "Gop/s", Some(native.unwrap_or(peaks.f32_ops) / 1e9)));
    }
    for kv_type in KvType::ALL {
        let limit = peaks.bf16_ops.unwrap_or(peaks.f32_ops);
        limits.push((attention_name(kv_type, 2048, 2048), "Gop/s", Some(limit / 1e9)));
        limits.push((attention_name(kv_type, 1, 2048), "Gop/s", None));
    }
    limits.push((EMPTY_JOB.to_owned(), "us", None));
    limits
        .into_iter()
        .filter_map(|(name, unit, limit)| {
            let value = ours.median(&name)?;
            let peers = theirs.medians(&name);
            Some(Cell::new(name, unit, unit == "us", value, peers, limit))
        })
        .collect()
}

fn product_name(format: QuantFormat, rows: usize) -> String {
    format!("kernels/product/{rows}/{}", format.name().to_lowercase())
}

fn attention_name(kv_type: KvType, rows: usize, context: usize) -> String {
    format!("kernels/attention/{rows}x{context}/{}", kv_type.name())
}

struct Bench<'a> {
    pool: &'a Pool,
    cancel: &'a Cancel,
}

impl Bench<'_> {
    fn round(&self, samples: &mut Samples) -> Result<(), BoxError> {
        for format in QuantFormat::ALL {
            self.products(format, samples)?;
        }
        for dense in Dense::all() {
            let seconds = self.dense(dense);
            let operations = (2 * DENSE_ROWS * dense.n * dense.k) as f64;
            samples.push(&dense.name(), operations / seconds / 1e9);
        }
        for kv_type in KvType::ALL {
            for rows in [2048, 1] {
                let speed = self.attention(kv_type, rows, 2048)?;
                samples.push(&attention_name(kv_type, rows, 2048), speed);
            }
        }
        let jobs = 10_000;
        let seconds = self.fastest(|| (0..jobs).for_each(|_| self.pool.run(&|_| {})));
        samples.push(EMPTY_JOB, seconds / f64::from(jobs) * 1e6);
        Ok(())
    }

    fn products(&self, format: QuantFormat, samples: &mut Samples) -> Result<(), BoxError> {
        let (n, k) = WEIGHT;
        let row_bytes = format.row_bytes(k);
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        // Without bit 6 no two bytes are an infinite or huge scale, whatever field they land in.
        let bytes: Vec<u8> = (0..n * row_bytes).map(|_| rng.random::<u8>() & 0xbf).collect();
        let rows: Vec<&[u8]> = bytes.chunks_exact(row_bytes).collect();
        let pack = || QuantMatrix::from_blocks(self.pool, format, &rows, k);
        let one = pack()?;
        let copies = COLD_BYTES.div_ceil(one.bytes());
        let mut matrices = vec![one];
        for _ in 1..copies {
            matrices.push(pack()?);
        }
        let mut scratch = MatmulScratch::new();
        for m in ROWS {
            let (x, mut out) = (values(m * k), vec![0.0; m * n]);
            // Many rows use every weight often; one row is measured on weights from memory.
            let used = &matrices[..if m == 1 { copies } else { (64 / m).max(1) }];
            let seconds = self.fastest(|| {
                for w in used {
                    w.matmul(self.pool, &x, &mut out, n, &mut scratch);
                }
            }) / used.len() as f64;
            let work = if m == 1 { matrices[0].bytes() } else { 2 * m * n * k };
            samples.push(&product_name(format, m), work as f64 / seconds / 1e9);
        }
        Ok(())
    }

    /// Seconds of a product; packing the operands counts where a step of training packs them.
    fn dense(&self, Dense { form, dtype, n, k }: Dense) -> f64 {
        let (pool, m) = (self.pool, DENSE_ROWS);
        let (x_mk, dy_mn, w_nk) = (values(m * k), values(m * n), values(n * k));
        let mut scratch = MatmulScratch::new();
        match form {
            "nt" => {
                let w = DenseMatrix::pack(pool, &w_nk, n, k, dtype);
                let mut out = vec![0.0; m * n];
                self.fastest(|| w.matmul(pool, &x_mk, &mut out, n, false, &mut scratch))
            }
            "nn" => {
                let w = DenseMatrix::pack_transposed(pool, &w_nk, n, k, dtype);
                let mut out = vec![0.0; m * k];
                self.fastest(|| w.matmul(pool, &dy_mn, &mut out, k, false, &mut scratch))
            }
            _ => {
                let mut x = DenseMatrix::with_capacity(dtype, k, m);
                let mut dy = RowOperand::new(dtype);
                let mut out = vec![0.0; n * k];
                self.fastest(|| {
                    x.repack_transposed(pool, &x_mk, m, k, k);
                    dy.set_transposed(pool, &dy_mn, m, n, n);
                    x.matmul_operand(pool, &dy, &mut out, k, false);
                })
            }
        }
    }

    /// 10^9 operations per second of the last `rows` rows of a sequence of `context` tokens.
    fn attention(&self, kv_type: KvType, rows: usize, context: usize) -> Result<f64, BoxError> {
        let (heads, kv_heads, d) = HEADS;
        let shape = KvShape { num_layers: 1, num_key_value_heads: kv_heads, head_dim: d };
        let blocks = context.div_ceil(BLOCK_TOKENS);
        let mut cache = KvCache::new(shape, kv_type, blocks)?;
        let block_table: Vec<u32> = (0..).take(blocks).collect();
        let span = |num_rows: usize| SeqSpan {
            block_table: &block_table,
            first_row: 0,
            num_rows,
            start_pos: context - num_rows,
        };
        let kv = values(context * kv_heads * d);
        cache.write(self.pool, 0, &[span(context)], &kv, &kv, kv_heads * d);
        let q = values(rows * heads * d);
        let mut out = vec![0.0; q.len()];
        let params = AttendParams::causal((d as f32).sqrt().recip());
        let seconds = self.fastest(|| {
            cache.attend(self.pool, 0, &[span(rows)], &q, heads * d, heads, &params, &mut out);
        });
        // Two products over the keys that each row sees.
        let pairs = rows * (2 * context - rows + 1) / 2;
        Ok((4 * pairs * heads * d) as f64 / seconds / 1e9)
    }

    /// Seconds of the fastest run in the time for a figure; at least two are made.
    fn fastest(&self, mut job: impl FnMut()) -> f64 {
        job();
        let (begin, mut best) = (Instant::now(), f64::INFINITY);
        loop {
            let start = Instant::now();
            job();
            best = best.min(start.elapsed().as_secs_f64());
            if begin.elapsed() >= TIME || self.cancel.is_cancelled() {
                return best;
            }
        }
    }
}

/// Numbers of magnitude 1.
fn values(len: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    (0..len).map(|_| rng.random::<f32>() * 2.0 - 1.0).collect()
}
