//! Whole runs by the command, and what was said of them before their first step.

use crate::bench::cells::Named;
use crate::bench::infer::SEED;
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// Texts that are learnt from, and words of each.
const TEXTS: usize = 600;
const TEXT_WORDS: usize = 250;
/// Words that there are: enough for a vocabulary of [`VOCABULARY`].
const WORDS: usize = 3000;
const VOCABULARY: &str = "4096";
/// What words are made of.
const CONSONANTS: &[u8] = b"bdfghklmnprstvwz";
const VOWELS: &[u8] = b"aeiou";
/// Keys of all runs.
const KEYS: &str = "[train]\nstage = \"pretrain\"\ndata = [\"texts.jsonl\"]\nepochs = 2\n\
                    ignore_lint = true\n";

/// A run of a few steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedRun {
    /// The end of its cells' names: what is trained, and sequences by tokens.
    name: &'static str,
    /// Keys of its own.
    keys: &'static str,
    /// Whether it begins with the model that is measured, not with one from nothing.
    tunes: bool,
}

impl PlannedRun {
    /// All of them, in the order of the table.
    pub(super) const ALL: [PlannedRun; 4] = [
        PlannedRun {
            name: "lora-4x256",
            keys: "method = \"lora\"\nlora_rank = 16\nkeep_blocks = false\nmax_tokens = 256\n\
                   batch_size = 4\nmicro_step_tokens = 1024\nmax_steps = 12\n",
            tunes: true,
        },
        PlannedRun {
            name: "full-4x256",
            keys: "method = \"full\"\noptimizer = \"adamw_8bit\"\nrecompute = \"all\"\n\
                   clip_grad_norm = \"per_tensor\"\noptimizer_in_backward = true\n\
                   learning_rate = 1e-5\nmax_tokens = 256\nbatch_size = 4\n\
                   micro_step_tokens = 1024\nmax_steps = 12\n",
            tunes: true,
        },
        PlannedRun {
            name: "qlora-4x512",
            keys: "method = \"lora\"\nlora_rank = 16\nkeep_blocks = true\nmax_tokens = 512\n\
                   batch_size = 4\nmicro_step_tokens = 2048\nrecompute = \"all\"\nmax_steps = 8\n",
            tunes: true,
        },
        PlannedRun {
            name: "pretrain-16x256",
            keys: "method = \"full\"\noptimizer = \"muon\"\nlearning_rate = 4e-3\n\
                   max_tokens = 256\nbatch_size = 16\nmicro_step_tokens = 4096\nmax_steps = 24\n\
                   [train.new_model]\ntokenizer = \"tokenizer\"\nsize = \"5M\"\n",
            tunes: false,
        },
    ];

    /// The cells of memory and of time.
    pub(super) fn cells(&self) -> [Named; 2] {
        let name = |what: &str| format!("train/plan/{what}/{}", self.name);
        [Named::less(&name("memory"), "MiB"), Named::less(&name("time"), "s")]
    }

    /// Trains, and says for each cell what was planned and what was taken.
    pub(super) fn round(
        &self,
        runs: &RunFolder,
        model: &Utf8Path,
        threads: usize,
    ) -> Result<[Compared; 2], Failure> {
        let fail = |cause: BoxError| {
            let goal = format!("cannot measure the plan of {}", self.name);
            Failure::new(Exit::Environment, goal, cause)
        };
        let (file, output) = (runs.path.join("run.toml"), runs.path.join("run"));
        std::fs::write(&file, format!("{KEYS}{}", self.keys))
            .map_err(|error| fail(error.into()))?;
        let (threads, model) = (threads.to_string(), format!("model={model}"));
        let output_key = format!("output={output}");
        let mut args = vec!["--threads", &threads, "train", "run", file.as_str()];
        args.extend(["--set", &output_key]);
        if self.tunes {
            args.extend(["--set", &model]);
        }
        let compared = program(&args).and_then(|()| compared(&output)).map_err(fail)?;
        // The next run has none of its checkpoints to go on from, and its room.
        std::fs::remove_dir_all(&output).map_err(|error| fail(error.into()))?;
        Ok(compared)
    }
}

/// Two figures of a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) planned: f64,
    pub(super) taken: f64,
}

/// Memory in MiB and seconds, as the run kept them.
fn compared(output: &Utf8Path) -> Result<[Compared; 2], BoxError> {
    let plan: Value = serde_json::from_slice(&std::fs::read(output.join("run/plan.json"))?)?;
    let figure = |part: &str, key: &str| {
        let figure = plan[part][key].as_f64();
        figure.ok_or_else(|| format!("the plan that the run kept has no `{part}.{key}`"))
    };
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let memory = Compared {
        planned: mib(figure("memory", "peak_bytes")?),
        taken: mib(figure("taken", "peak_bytes")?),
    };
    let time = Compared { planned: figure("time", "seconds")?, taken: figure("taken", "seconds")? };
    Ok([memory, time])
}

/// A folder for runs with what they learn from, removed in the end.
pub(super) struct RunFolder {
    path: Utf8PathBuf,
}

impl RunFolder {
    /// Writes texts of made-up words, and trains a tokenizer on them.
    pub(super) fn new() -> Result<Self, Failure> {
        let fail = |cause: BoxError| {
            Failure::new(Exit::Environment, "cannot prepare runs to measure their plans", cause)
        };
        let name = format!("catena-bench-train-{}", std::process::id());
        let path = Utf8PathBuf::from_path_buf(std::env::temp_dir().join(name)).map_err(|path| {
            let cause = format!("the folder for temporary files {} is not UTF-8", path.display());
            fail(cause.into())
        })?;
        let runs = Self { path };
        runs.prepare().map_err(fail)?;
        Ok(runs)
    }

    fn prepare(&self) -> Result<(), BoxError> {
        std::fs::create_dir_all(&self.path)?;
        let (file, tokenizer) = (self.path.join("texts.jsonl"), self.path.join("tokenizer"));
        std::fs::write(&file, texts())?;
        let own = ["tokenizer", "train", file.as_str(), "--vocab-size", VOCABULARY];
        program(&[&own[..], &["--output", tokenizer.as_str()]].concat())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // What is left lies among temporary files.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Runs this program to its end; what it says goes where this one's words go.
fn program(args: &[&str]) -> Result<(), BoxError> {
    let done = Command::new(std::env::current_exe()?)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()?;
    if done.success() { Ok(()) } else { Err(format!("the program ended with {done}").into()) }
}

/// Lines of texts: how fast a step is does not depend on what they say.
fn texts() -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut pick = |from: &[u8]| char::from(from[rng.random_range(0..from.len())]);
    let mut word = |syllables: usize| -> String {
        (0..syllables).flat_map(|_| [pick(CONSONANTS), pick(VOWELS)]).collect()
    };
    let words: Vec<String> = (0..WORDS).map(|at| word(2 + at % 3)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED + 1);
    let line = |_| {
        let chosen = (0..TEXT_WORDS).map(|_| words[rng.random_range(0..WORDS)].as_str());
        format!("{}\n", json!({"text": chosen.collect::<Vec<_>>().join(" ")}))
    };
    (0..TEXTS).map(line).collect()
}
