//! `catena train predict`: what a finished run answers to samples, and how often it is right.

use super::encode::{self, Rows};
use super::model::{BaseModel, Files, Fit, base_path};
use super::objectives::objective;
use super::read::RunFile;
use super::run::{RUN_DIR, prepare};
use super::samples::read_set;
use super::save::{MODEL_DIR, labels};
use super::settings::{TrainMethod, TrainStage};
use super::start;
use crate::args::PredictArgs;
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::merged::{ADAPTER_DIR, save_merged};
use crate::models::{BoxError, LanguageModel, Numerics};
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{CacheScope, Engine, KvBudget, ModelRunner, Request, SamplingParams};
use catena_kernels::Pool;
use catena_model::adapter::open_adapter;
use catena_model::training::Recompute;
use catena_model::{AdapterId, PeftConfig};
use catena_protocol::{Cancel, Content, TrainingSample};
use catena_train::{Checkpoint, Trainable};
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;

/// Tokens of a pass that only measures.
const PASS_TOKENS: usize = 512;
/// Sequences that are answered at once.
const BATCH: usize = 32;
/// Tokens of the cache beside a sequence's own.
const SLACK: usize = 32;

/// Runs `catena train predict`.
pub(super) fn run(
    file: &RunFile,
    args: &PredictArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    match file.settings.stage {
        TrainStage::Sft => generated(file, args, threads, cancel),
        TrainStage::Classify | TrainStage::Tag => scored(file, args, threads, cancel),
        TrainStage::Pretrain
        | TrainStage::Reward
        | TrainStage::Preference
        | TrainStage::Kto
        | TrainStage::Embed
        | TrainStage::Rerank => {
            let cause = "answers are compared for the stages sft, classify and tag";
            Err(Failure::new(Exit::Usage, "cannot predict", cause))
        }
    }
}

/// By the run's own head, with the values of its checkpoint.
fn scored(
    file: &RunFile,
    args: &PredictArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let settings = &file.settings;
    let prepared = prepare(file, threads, cancel)?;
    let mut samples = read_set(file, &args.data)?.samples;
    samples.truncate(args.limit.unwrap_or(usize::MAX));
    let fail = |error| Failure::new(Exit::Usage, "cannot encode the samples", error);
    let (rows, _): (Rows, usize) =
        encode::encode(settings, &prepared.base, &prepared.classes, &samples).map_err(fail)?;
    let given = settings.micro_step_tokens.given();
    let width = labels(&prepared.classes).len();
    let mut test = objective(settings, &rows, width, given.unwrap_or(usize::MAX))?;
    let tokens = given.unwrap_or_else(|| test.longest().max(PASS_TOKENS));
    // Nothing goes back through the layers, so they need not keep anything.
    let fit = Fit { tokens, recompute: Recompute::All };
    let mut model = prepared.model(settings, fit)?;
    if !args.base {
        restore(&prepared.output.join(RUN_DIR), settings.end.keep_best, &mut model)?;
    }
    let figures = test
        .evaluate(&mut model, tokens, cancel)
        .map_err(|error| Failure::new(Exit::Environment, "cannot measure the model", error))?;
    print_line(
        &json!({
            "samples": samples.len(),
            "loss": figures.loss,
            "accuracy": figures.extra.get("accuracy"),
        })
        .to_string(),
    );
    Ok(())
}

fn restore(dir: &Utf8Path, best: bool, model: &mut dyn Trainable) -> Result<(), Failure> {
    let name = if best { Checkpoint::BEST_FILE_NAME } else { Checkpoint::FILE_NAME };
    let file = dir.join(name);
    let goal = || format!("cannot read the run in `{dir}`");
    let checkpoint = Checkpoint::load(&file)
        .map_err(|error| Failure::new(Exit::Environment, goal(), error))?
        .ok_or_else(|| {
            Failure::new(Exit::Usage, goal(), format!("there is no `{file}`"))
                .hint("`catena train run` makes it")
        })?;
    checkpoint.restore_values(model).map_err(|error| Failure::new(Exit::Usage, goal(), error))
}

/// By generating, greedily, and comparing with the sample's answer.
fn generated(
    file: &RunFile,
    args: &PredictArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let settings = &file.settings;
    let progress = for_stderr();
    let finder = Finder { project: &file.folder, progress: progress.as_ref(), cancel };
    let path = base_path(file, &finder)?;
    let pool = pool(threads);
    let output = file.folder.join(&settings.output);
    let fail = |error: BoxError| Failure::new(Exit::Environment, "cannot open the model", error);
    let beside = beside(file, args.base).map_err(|error| fail(error.into()))?;
    let model = if args.base || beside.is_some() {
        LanguageModel::open_base(&path)
    } else {
        merged(&path, &output, settings.method).and_then(|path| LanguageModel::open_base(&path))
    }
    .map_err(fail)?;
    let base = BaseModel::open(&path, settings, &pool)?;
    let mut samples = read_set(file, &args.data)?.samples;
    samples.truncate(args.limit.unwrap_or(usize::MAX));
    let asked = questions(&base, settings.max_tokens, &samples)
        .map_err(|error| Failure::new(Exit::Usage, "cannot ask the samples' questions", error))?;
    let longest = asked.iter().map(|(prompt, _)| prompt.len()).max().unwrap_or(0);
    let tokens = longest + args.max_new_tokens as usize + SLACK;
    let (mut engine, adapter) = engine(&model, beside.as_deref(), tokens, pool).map_err(fail)?;
    let params = SamplingParams::greedy(args.max_new_tokens as usize);
    let request = |(prompt, _): &(Vec<u32>, String)| Request {
        scope: CacheScope { adapter, ..CacheScope::default() },
        ..Request::new(prompt.clone(), params.clone())
    };
    let requests = asked.iter().map(request).collect();
    let answers = engine
        .run_all(requests, progress.as_ref(), cancel)
        .map_err(|error| Failure::new(Exit::Environment, "cannot answer the samples", error))?;
    let answers: Vec<String> = answers.into_iter().map(|answer| answer.text).collect();
    let right =
        |(answer, (_, wanted)): &(&String, &(Vec<u32>, String))| answer.trim() == wanted.trim();
    let count = answers.iter().zip(&asked).filter(right).count();
    if let Some(to) = &args.output {
        let write = || -> std::io::Result<()> {
            let mut out = std::fs::File::create(to)?;
            for (answer, (_, wanted)) in answers.iter().zip(&asked) {
                writeln!(out, "{}", json!({"answer": answer, "wanted": wanted}))?;
            }
            Ok(())
        };
        write().map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot write `{to}`"), error)
        })?;
    }
    let accuracy = count as f64 / asked.len().max(1) as f64;
    print_line(&json!({"samples": asked.len(), "accuracy": accuracy}).to_string());
    Ok(())
}

/// An adapter that answers beside the base: the one that training went on from, or a prefix.
fn beside(file: &RunFile, base: bool) -> Result<Option<Utf8PathBuf>, String> {
    let settings = &file.settings;
    if base {
        let adapter = settings.adapter.as_ref();
        return adapter.map(|adapter| start::path(&file.folder, adapter)).transpose();
    }
    let is_prefix = settings.method == TrainMethod::Prefix;
    Ok(is_prefix.then(|| file.output().join(ADAPTER_DIR)))
}

/// An engine for sequences of so many tokens, with what answers beside the model.
fn engine(
    model: &LanguageModel,
    beside: Option<&Utf8Path>,
    tokens: usize,
    pool: Arc<Pool>,
) -> Result<(Engine<ModelRunner>, Option<AdapterId>), BoxError> {
    let numerics = Numerics::default();
    let Some(path) = beside else {
        let budget = KvBudget::Sequences { count: BATCH, tokens };
        return Ok((model.engine(pool, numerics, BATCH, budget)?.0, None));
    };
    let adapter = open_adapter(path, model.checkpoint.config())?;
    let before = match &adapter.config {
        PeftConfig::Prefix(prefix) => prefix.num_virtual_tokens,
        PeftConfig::Lora(_) | PeftConfig::Ia3(_) => 0,
    };
    let budget = KvBudget::Sequences { count: BATCH, tokens: tokens + before };
    let (engine, id) = model.engine_beside(pool, numerics, BATCH, budget, &adapter)?;
    Ok((engine, Some(id)))
}

/// The folder of the tuned model: an adapter is merged into its base once.
fn merged(
    base: &Utf8Path,
    output: &Utf8Path,
    method: TrainMethod,
) -> Result<Utf8PathBuf, BoxError> {
    let folder = output.join(MODEL_DIR);
    match method {
        TrainMethod::Full | TrainMethod::Freeze => return Ok(folder),
        // A prefix is in no weight: it is refused when it is merged.
        TrainMethod::Lora | TrainMethod::Ia3 | TrainMethod::Prefix => {}
    }
    let folder = output.join("merged");
    let adapter = output.join(ADAPTER_DIR);
    let newer = |a: &Utf8Path, b: &Utf8Path| -> Option<bool> {
        let time = |path: &Utf8Path| std::fs::metadata(path).ok()?.modified().ok();
        Some(time(&a.join("config.json"))? > time(&b.join("adapter_config.json"))?)
    };
    if newer(&folder, &adapter) != Some(true) {
        say("  merging the adapter into its base");
        save_merged(base, &adapter, &folder)?;
    }
    Ok(folder)
}

/// Prompts as serving renders them, and the answers wanted.
fn questions(
    base: &BaseModel,
    max_tokens: usize,
    samples: &[TrainingSample],
) -> Result<Vec<(Vec<u32>, String)>, BoxError> {
    let Files::Decoder(_) = &base.files else { return Err("an encoder writes no answers".into()) };
    let options = catena_data::EncodeOptions::new(max_tokens);
    let encoder = catena_data::Encoder::new(&base.tokenizer, base.template.as_ref(), options);
    let mut asked = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        let wanted = match sample {
            TrainingSample::Completion(sample) => match &sample.completion {
                Content::Text(text) => text.clone(),
                Content::Messages(messages) => {
                    messages.last().and_then(|message| message.content.clone()).unwrap_or_default()
                }
            },
            TrainingSample::Chat(sample) => sample
                .messages
                .last()
                .and_then(|message| message.content.clone())
                .unwrap_or_default(),
            TrainingSample::Text(_)
            | TrainingSample::Preference(_)
            | TrainingSample::Unpaired(_)
            | TrainingSample::Classification(_)
            | TrainingSample::TokenLabels(_)
            | TrainingSample::Embedding(_)
            | TrainingSample::Rerank(_) => {
                return Err(format!("a sample is of kind {}", sample.kind()).into());
            }
        };
        // The row's tokens up to the last answer are what the model is asked with.
        let row = encoder.encode(&format!("sample {index}"), sample)?;
        let trained = (0..row.tokens.len()).rev().take_while(|&at| row.is_trained(at));
        let prompt = row.tokens.len() - trained.count();
        asked.push((row.tokens[..prompt].to_vec(), wanted));
    }
    Ok(asked)
}
