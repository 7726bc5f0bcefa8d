//! `catena train merge`: what a run trained as a whole model, in either kind of files, or its
//! adapter alone as a GGUF file.

use super::choices::TrainMethod;
use super::model::base_path;
use super::read::{RunFile, is_run_file, read};
use super::run::RUN_DIR;
use super::save::{GGUF_FILE, MODEL_DIR};
use crate::args::MergeArgs;
use crate::failure::{Exit, Failure};
use crate::merged::{find_adapter, gguf_file, save_folder, save_gguf};
use crate::models::BoxError;
use crate::output::print_line;
use crate::progress::for_stderr;
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::adapter::{open_adapter, write_gguf_adapter};
use catena_model::{Checkpoint, ExportSource, PeftAdapter, PeftConfig};
use catena_protocol::Cancel;
use std::fs::File;
use std::io::Read as _;

/// What a folder of a model has.
const CONFIG_FILE: &str = "config.json";
/// Ends of the names of models with a head, in that file.
const HEADS: [&str; 2] = ["ForSequenceClassification", "ForTokenClassification"];
/// What a GGUF file begins with.
const GGUF_MAGIC: [u8; 4] = *b"GGUF";
/// What may be merged.
const SOURCES: &str = "name a run's file or output, a PEFT folder or a GGUF adapter";
/// A head for labels or scores in an adapter.
const HEAD: &str = "base_model.model.score.weight";

/// What is to be written.
struct Parts {
    base: Checkpoint,
    /// `None` of a run that trained the model's own weights.
    adapter: Option<PeftAdapter>,
}

/// Runs `catena train merge`.
pub(super) fn run(args: &MergeArgs, cancel: &Cancel) -> Result<(), Failure> {
    let targets = targets(args);
    // A model has many files, and an old one beside them would be read with them.
    let is_taken = |target: &&Utf8PathBuf| {
        if **target == args.out {
            target.read_dir_utf8().is_ok_and(|mut files| files.next().is_some())
        } else {
            target.exists()
        }
    };
    if let Some(path) = targets.iter().find(is_taken) {
        let cause = format!("there is something in `{path}` already");
        return Err(Failure::new(Exit::Usage, goal(args), cause)
            .hint("choose another folder for `--out`, or remove it"));
    }
    let parts = open(args, cancel)?;
    write(args, &parts).map_err(|error| Failure::new(Exit::Environment, goal(args), error))?;
    for path in &targets {
        print_line(path.as_str());
    }
    Ok(())
}

fn goal(args: &MergeArgs) -> String {
    format!("cannot merge `{}`", args.source)
}

/// The files that will be written, of a folder for transformers the folder.
fn targets(args: &MergeArgs) -> Vec<Utf8PathBuf> {
    let mut targets: Vec<_> =
        args.gguf.iter().map(|format| gguf_file(&args.out, format.name())).collect();
    if args.adapter_gguf {
        targets.push(args.out.join(GGUF_FILE));
    }
    if targets.is_empty() {
        targets.push(args.out.clone());
    }
    targets
}

/// Finds and opens the adapter and its base.
fn open(args: &MergeArgs, cancel: &Cancel) -> Result<Parts, Failure> {
    let progress = for_stderr();
    let here = Finder { project: Utf8Path::new(""), progress: progress.as_ref(), cancel };
    let usage = |error: BoxError| Failure::new(Exit::Usage, goal(args), error);
    let file = is_run_file(&args.source).then(|| read(&args.source, &[])).transpose()?;
    let output = file.as_ref().map_or_else(|| args.source.clone(), RunFile::output);
    // An adapter of an earlier run may lie beside the model of this one.
    let is_whole = file.as_ref().is_some_and(|file| {
        matches!(file.settings.method, TrainMethod::Full | TrainMethod::Freeze)
    });
    let Some(path) = find_adapter(&output).filter(|_| !is_whole) else {
        if !output.join(MODEL_DIR).join(CONFIG_FILE).exists() {
            return Err(nothing(args, &output, file.is_some()));
        }
        return whole(args, &output);
    };
    if path.is_file() && !is_gguf(&path) {
        let cause = format!("`{path}` is neither a run's file nor a GGUF adapter");
        return Err(usage(cause.into()).hint(SOURCES));
    }
    let base = match (&args.base, &file) {
        (Some(base), _) => here.model_path(base)?,
        (None, Some(file)) => base_path(file, &Finder { project: &file.folder, ..here })?,
        (None, None) => named_base(&path, &here).map_err(|error| {
            usage(error).hint("name the model that it was trained on: --base MODEL")
        })?,
    };
    let open = || -> Result<Parts, BoxError> {
        let base = Checkpoint::open(&base)?;
        let adapter = open_adapter(&path, base.config())?;
        if adapter.tensors.contains_key(HEAD) {
            return Err("it has a head for labels or scores, which a language model has no place \
                        for; `method = \"full\"` trains a whole model with one"
                .into());
        }
        Ok(Parts { base, adapter: Some(adapter) })
    };
    open().map_err(usage)
}

/// What is said where there is no result: the run was stopped, or not begun, or there is no run.
fn nothing(args: &MergeArgs, output: &Utf8Path, is_run: bool) -> Failure {
    let checkpoint = output.join(RUN_DIR).join(catena_train::Checkpoint::FILE_NAME);
    let (cause, hint) = if checkpoint.exists() {
        let hint = "`catena train run` with the run's file goes on from its checkpoint".to_owned();
        (format!("the run in `{output}` is not finished"), hint)
    } else if is_run {
        let hint = format!("`catena train run {}` trains it", args.source);
        (format!("the run has left nothing in `{output}` yet"), hint)
    } else {
        let cause = format!("there is no adapter and no finished run in `{output}`");
        (cause, SOURCES.to_owned())
    };
    Failure::new(Exit::Usage, goal(args), cause).hint(hint)
}

fn is_gguf(path: &Utf8Path) -> bool {
    let mut magic = [0; GGUF_MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == GGUF_MAGIC
}

/// The base that an adapter names.
fn named_base(adapter: &Utf8Path, finder: &Finder<'_>) -> Result<Utf8PathBuf, BoxError> {
    if adapter.is_file() {
        return Err("a GGUF adapter does not name its base".into());
    }
    let name = match PeftAdapter::read(adapter)?.config {
        PeftConfig::Lora(config) => config.base_model_name_or_path,
        PeftConfig::Ia3(config) => config.base_model_name_or_path,
        PeftConfig::Prefix(config) => config.base_model_name_or_path,
    };
    let name = name.filter(|name| !name.is_empty()).ok_or("the adapter does not name its base")?;
    Ok(finder.model_path(&name)?)
}

/// The model of a run that trained its own weights.
fn whole(args: &MergeArgs, output: &Utf8Path) -> Result<Parts, Failure> {
    let usage = |error: BoxError| Failure::new(Exit::Usage, goal(args), error);
    let model = output.join(MODEL_DIR);
    if args.adapter_gguf {
        let cause = format!("the run trained no adapter, but the model in `{model}`");
        return Err(usage(cause.into()).hint("`--gguf q8_0` alone writes it as a GGUF file"));
    }
    if args.gguf.is_empty() {
        let cause = format!("the model in `{model}` is whole; `--gguf` writes it as a GGUF file");
        return Err(usage(cause.into()).hint("for transformers and PyTorch it is ready as it is"));
    }
    let open = || -> Result<Parts, BoxError> {
        let config = std::fs::read_to_string(model.join(CONFIG_FILE))?;
        if HEADS.iter().any(|head| config.contains(head)) {
            let cause = "it has a head for labels or scores, which a GGUF file has no place for";
            return Err(cause.into());
        }
        Ok(Parts { base: Checkpoint::open(&model)?, adapter: None })
    };
    open().map_err(usage)
}

fn write(args: &MergeArgs, parts: &Parts) -> Result<(), BoxError> {
    std::fs::create_dir_all(&args.out)?;
    if let Some(adapter) = parts.adapter.as_ref().filter(|_| args.adapter_gguf) {
        write_gguf_adapter(&args.out.join(GGUF_FILE), adapter, parts.base.config())?;
    }
    if args.adapter_gguf && args.gguf.is_empty() {
        return Ok(());
    }
    let mut source = ExportSource::new(&parts.base);
    if let Some(adapter) = &parts.adapter {
        source = source.with_adapter(adapter)?;
    }
    for format in &args.gguf {
        save_gguf(&source, *format, &gguf_file(&args.out, format.name()))?;
    }
    if args.gguf.is_empty() {
        save_folder(&source, &args.out)?;
    }
    Ok(())
}
