//! Answers that are written.

use super::asked::{Asked, asked};
use super::choices::Choices;
use crate::args::PredictArgs;
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::merged::{ADAPTER_DIR, save_merged};
use crate::models::{BoxError, LanguageModel, Numerics};
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use crate::train::model::{BaseModel, base_path};
use crate::train::read::RunFile;
use crate::train::samples::read_set;
use crate::train::save::MODEL_DIR;
use crate::train::settings::TrainMethod;
use crate::train::start;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{CacheScope, Engine, KvBudget, ModelRunner, Request, SamplingParams};
use catena_kernels::Pool;
use catena_model::adapter::open_adapter;
use catena_model::{AdapterId, PeftConfig};
use catena_protocol::{Cancel, Progress};
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;

/// Sequences that are answered at once.
const BATCH: usize = 32;
/// Tokens of the cache beside a sequence's own.
const SLACK: usize = 32;

/// Answers greedily, and compares with the samples' answers.
pub(super) fn predict(
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
    let choices = args.choices.then(|| Choices::of(file, model.codec.vocabulary())).transpose()?;
    let base = BaseModel::open(&path, settings, &pool)?;
    let mut samples = read_set(file, &args.data)?.samples;
    samples.truncate(args.limit.unwrap_or(usize::MAX));
    let asked = asked(&base, settings.max_tokens, &samples)
        .map_err(|error| Failure::new(Exit::Usage, "cannot ask the samples' questions", error))?;
    let free_tokens = args.max_new_tokens as usize;
    let held_tokens = choices.as_ref().map_or(0, Choices::most_tokens);
    let longest = asked.iter().map(|asked| asked.prompt.len()).max().unwrap_or(0);
    let tokens = longest + free_tokens.max(held_tokens) + SLACK;
    let (engine, adapter) = engine(&model, beside.as_deref(), tokens, pool).map_err(fail)?;
    let mut writer = Writer { engine, adapter, progress: progress.as_ref(), cancel };
    let answers = writer.answers(&asked, free_tokens, choices.as_ref())?;
    if let Some(to) = &args.output {
        keep(&answers, &asked, to).map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot write `{to}`"), error)
        })?;
    }
    print_line(&report(&answers, &asked, choices.as_ref()).to_string());
    Ok(())
}

/// What the model answered.
struct Answer {
    text: String,
    /// What it had written before it was held to the choices, if that was none of them.
    free: Option<String>,
}

impl Answer {
    /// What the model writes when nothing holds it.
    fn free(&self) -> &str {
        self.free.as_deref().unwrap_or(&self.text)
    }
}

/// The model, and who looks on.
struct Writer<'a> {
    engine: Engine<ModelRunner>,
    adapter: Option<AdapterId>,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Writer<'_> {
    /// Answers all; with `choices`, those again whose answer is none of them. One that is a choice
    /// is what the held model would write too: the likeliest tokens were all allowed.
    fn answers(
        &mut self,
        asked: &[Asked],
        tokens: usize,
        choices: Option<&Choices>,
    ) -> Result<Vec<Answer>, Failure> {
        let requests = asked.iter().map(|asked| self.request(asked, tokens)).collect();
        let free = self.run(requests)?.into_iter();
        let mut answers: Vec<_> = free.map(|text| Answer { text, free: None }).collect();
        let Some(choices) = choices else { return Ok(answers) };
        let is_outside = |at: &usize| !choices.has(&answers[*at].text);
        let outside: Vec<usize> = (0..answers.len()).filter(is_outside).collect();
        let held = |&at: &usize| {
            let request = self.request(&asked[at], choices.most_tokens());
            request.with_constraint(choices.constraint())
        };
        let requests = outside.iter().map(held).collect();
        for (at, text) in outside.into_iter().zip(self.run(requests)?) {
            let free = std::mem::replace(&mut answers[at].text, text);
            answers[at].free = Some(free);
        }
        Ok(answers)
    }

    fn request(&self, asked: &Asked, tokens: usize) -> Request {
        Request {
            scope: CacheScope { adapter: self.adapter, ..CacheScope::default() },
            ..Request::new(asked.prompt.clone(), SamplingParams::greedy(tokens))
        }
    }

    fn run(&mut self, requests: Vec<Request>) -> Result<Vec<String>, Failure> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let done = self
            .engine
            .run_all(requests, self.progress, self.cancel)
            .map_err(|error| Failure::new(Exit::Environment, "cannot answer the samples", error))?;
        Ok(done.into_iter().map(|completion| completion.text).collect())
    }
}

/// Writes each answer beside the one that is right.
fn keep(answers: &[Answer], asked: &[Asked], to: &Utf8Path) -> std::io::Result<()> {
    let mut out = std::fs::File::create(to)?;
    for (answer, asked) in answers.iter().zip(asked) {
        let mut line = json!({"answer": answer.text, "wanted": asked.wanted});
        if let Some(free) = &answer.free {
            line["free"] = json!(free);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// How many answers are right; with `choices`, also how it was before the model was held to them.
fn report(answers: &[Answer], asked: &[Asked], choices: Option<&Choices>) -> serde_json::Value {
    let share = |text: fn(&Answer) -> &str| {
        let both = answers.iter().zip(asked);
        let right = both.filter(|(answer, asked)| asked.is_right(text(answer))).count();
        right as f64 / asked.len().max(1) as f64
    };
    let mut report = json!({"samples": asked.len(), "accuracy": share(|answer| &answer.text)});
    if let Some(choices) = choices {
        report["choices"] = json!(choices.count());
        report["free_accuracy"] = json!(share(Answer::free));
        let outside = answers.iter().filter(|answer| answer.free.is_some()).count();
        report["outside"] = json!(outside);
    }
    report
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
