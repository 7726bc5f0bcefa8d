//! The command: rounds of ours and of the peers in turn, then medians, table and file.

use super::cells::{Cell, Results, Samples, figure};
use super::infer::{Bench, Task};
use super::peers::Peers;
use super::start;
use crate::args::{BenchArea, BenchArgs, InferArgs};
use crate::failure::{Exit, Failure};
use crate::machine::{pool, threads};
use crate::models::{BoxError, LanguageModel};
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{Peaks, Pool, level, measure_peaks, measure_read};
use catena_model::WeightData;
use catena_protocol::Cancel;
use std::collections::BTreeMap;

/// Seed of the token ids.
const SEED: u64 = 7;

/// Runs `catena bench`.
pub(crate) fn run(
    args: &BenchArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    match &args.area {
        BenchArea::Peak => {
            let peaks = measure_peaks(&pool(threads));
            for (name, value) in described(&peaks) {
                print_line(&format!("{name:<6} {value}"));
            }
            Ok(())
        }
        BenchArea::Infer(args) => infer(args, threads, cancel),
    }
}

fn infer(args: &InferArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let path = model_file(finder.model_path(&args.model)?)?;
    let failed = |error: BoxError| {
        Failure::new(Exit::Environment, format!("cannot measure `{path}`"), error)
    };
    let pool = pool(flag);
    if args.first_token {
        return start::first_token(&path, pool).map_err(failed);
    }
    let peers = args.peers.then(Peers::find).transpose()?;
    let model = LanguageModel::open(&path).map_err(failed)?;
    let format = format_name(&model);
    let threads = threads(flag).value;
    let bench = Bench::new(&model, pool.clone(), SEED);
    let mut ours = Samples::default();
    let mut theirs = BTreeMap::<String, Samples>::new();
    let mut versions = BTreeMap::from([("catena".to_owned(), env!("CARGO_PKG_VERSION").into())]);
    for round in 1..=args.rounds {
        say(&format!("round {round} of {}: catena", args.rounds));
        bench.round(&format, &mut ours, cancel).map_err(failed)?;
        let (seconds, bytes) = start::measure(&path, threads)?;
        ours.push("infer/start", seconds);
        ours.push("infer/resident", bytes / f64::from(1 << 20));
        if let Some(peers) = &peers {
            say(&format!("round {round} of {}: peers", args.rounds));
            versions.extend(peers.round(&path, &format, threads, &mut theirs)?);
        }
        if cancel.is_cancelled() {
            return Err(Failure::new(
                Exit::Interrupted,
                "the measurement did not finish",
                "Ctrl-C",
            ));
        }
    }
    let peaks = measure_peaks(&pool);
    let limits = Limits::measure(&model, &peaks, &pool).map_err(failed)?;
    let cells = cells(&format, &ours, &theirs, &limits);
    for cell in &cells {
        print_line(&cell.line());
    }
    let machine = machine(&peaks, &limits, threads);
    let results = Results { machine, versions, seed: SEED, cells };
    match &args.json {
        Some(file) => write(file, &results),
        None => Ok(()),
    }
}

/// Every cell that was measured, in the table's order.
fn cells(
    format: &str,
    ours: &Samples,
    theirs: &BTreeMap<String, Samples>,
    limits: &Limits,
) -> Vec<Cell> {
    let tasks = Task::all().into_iter();
    let speeds = tasks.map(|task| (task.name(format), "tok/s", false, limits.of(task)));
    let others = [("infer/start", "s"), ("infer/resident", "MiB")];
    let others = others.map(|(name, unit)| (name.to_owned(), unit, true, None));
    speeds
        .chain(others)
        .filter_map(|(name, unit, less_is_better, limit)| {
            let median = ours.median(&name)?;
            let peers = theirs
                .iter()
                .filter_map(|(peer, samples)| Some((peer.clone(), samples.median(&name)?)))
                .collect();
            Some(Cell::new(name, unit, less_is_better, median, peers, limit))
        })
        .collect()
}

/// What the hardware allows for this model.
struct Limits {
    /// Tokens per second at which the linear layers alone would fill the multiplying units.
    prefill: f64,
    /// Steps per second at which the weights can be read.
    decode: f64,
    read_bytes_per_second: f64,
}

impl Limits {
    fn measure(model: &LanguageModel, peaks: &Peaks, pool: &Pool) -> Result<Self, BoxError> {
        let config = model.checkpoint.config();
        let heads = config.num_attention_heads * config.head_dim;
        let kv_heads = config.num_key_value_heads * config.head_dim;
        let layer = config.hidden_size * (2 * heads + 2 * kv_heads + 3 * config.intermediate_size);
        let operations = 2.0 * (layer * config.num_hidden_layers) as f64;
        let mut bytes = 0;
        for name in model.checkpoint.tensor_names() {
            let weight = model.checkpoint.weight(name)?;
            // A head of its own leaves the embedding unread but for one row.
            if name != "model.embed_tokens.weight" || config.tie_word_embeddings {
                bytes += stored_bytes(&weight.data);
            }
        }
        let read_bytes_per_second = measure_read(pool, bytes)?;
        Ok(Self {
            prefill: peaks.int8_ops / operations,
            decode: read_bytes_per_second / bytes as f64,
            read_bytes_per_second,
        })
    }

    fn of(&self, task: Task) -> Option<f64> {
        match task {
            Task::Prefill(_) => Some(self.prefill),
            Task::Decode(_) | Task::Batch(1) => Some(self.decode),
            Task::Batch(_) => None,
        }
    }
}

fn stored_bytes(data: &WeightData<'_>) -> usize {
    match data {
        WeightData::F32(values) => values.len() * 4,
        WeightData::F16(bytes) | WeightData::Bf16(bytes) => bytes.len(),
        WeightData::Blocks { rows, .. } => rows.iter().map(|row| row.len()).sum(),
    }
}

/// The format of most weights: that of the first layer's MLP.
fn format_name(model: &LanguageModel) -> String {
    let weight = model.checkpoint.weight("model.layers.0.mlp.gate_proj.weight");
    match weight.map(|weight| weight.data) {
        Ok(WeightData::Blocks { format, .. }) => format.name().to_lowercase(),
        Ok(WeightData::F32(_)) => "f32".to_owned(),
        Ok(WeightData::F16(_)) => "f16".to_owned(),
        Ok(WeightData::Bf16(_)) => "bf16".to_owned(),
        Err(_) => "mixed".to_owned(),
    }
}

/// A pulled model is a folder with one GGUF file, or a Hugging Face folder.
fn model_file(path: Utf8PathBuf) -> Result<Utf8PathBuf, Failure> {
    if !path.is_dir() || path.join("config.json").exists() {
        return Ok(path);
    }
    let goal = format!("cannot look into `{path}`");
    let entries =
        path.read_dir_utf8().map_err(|error| Failure::new(Exit::Environment, goal, error))?;
    let gguf = entries.flatten().find(|entry| entry.path().extension() == Some("gguf"));
    Ok(gguf.map_or(path, |entry| entry.path().to_owned()))
}

fn described(peaks: &Peaks) -> Vec<(&'static str, String)> {
    let giga = |ops: f64| format!("{} Gop/s", figure(ops / 1e9));
    let mut lines = vec![("f32", giga(peaks.f32_ops)), ("int8", giga(peaks.int8_ops))];
    lines.extend(peaks.bf16_ops.map(|ops| ("bf16", giga(ops))));
    lines
}

fn machine(peaks: &Peaks, limits: &Limits, threads: usize) -> BTreeMap<&'static str, String> {
    let mut machine: BTreeMap<_, _> = described(peaks).into_iter().collect();
    machine.insert("read", format!("{} GB/s", figure(limits.read_bytes_per_second / 1e9)));
    machine.insert("kernels", level().name().to_owned());
    machine.insert("threads", threads.to_string());
    machine
}

fn write(file: &Utf8Path, results: &Results) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(results).expect("results are plain data");
    std::fs::write(file, text + "\n")
        .map_err(|error| Failure::new(Exit::Environment, format!("cannot write `{file}`"), error))
}
