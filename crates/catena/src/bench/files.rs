//! The files that a run measures, each with the cells that are wanted of it.

use super::cells::Goal;
use super::goals;
use super::infer::{BATCH_PROMPT, GENERATED, SEED, Task};
use super::perplexity;
use super::rounds::wanted;
use super::start::cache_bytes;
use crate::args::InferArgs;
use crate::failure::{Exit, Failure};
use crate::models::{LanguageModel, Numerics};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::KvType;
use catena_model::WeightData;
use catena_model::gguf::{MetaValue, file_type_name};
use serde_json::{Value, json};
use std::fs::Metadata;
use std::ops::RangeInclusive;

/// The numbers of files whose tensors have several formats, by `general.file_type`.
const MIXTURES: RangeInclusive<u64> = 10..=17;

/// A model file and what is measured of it.
pub(crate) struct MeasuredFile {
    pub(crate) path: Utf8PathBuf,
    pub(crate) model: LanguageModel,
    /// Format of its weights, what is special in computing with them, and its name if that is
    /// asked for: the last part of its cells' names.
    pub(crate) format: String,
    pub(crate) numerics: Numerics,
    /// The speeds.
    pub(crate) tasks: Vec<Task>,
    /// The names of its start and resident memory, if they are wanted.
    pub(crate) start: Option<[String; 2]>,
    /// Whether its perplexity is wanted, if there is a text.
    pub(crate) perplexity: bool,
    /// Whether its cells tell which model they are of: another than the example's.
    named: bool,
}

/// The files named by the user, in that order, each once more for every way of computing asked for;
/// `--only` chooses among their cells.
pub(crate) fn open_all(
    args: &InferArgs,
    finder: &Finder<'_>,
) -> Result<Vec<MeasuredFile>, Failure> {
    let mut ways = vec![(Numerics::default(), "")];
    if args.precise {
        ways.push((Numerics { precise: true, ..Numerics::default() }, "-precise"));
    }
    if args.kv_int8 {
        ways.push((Numerics { kv_type: KvType::Int8, ..Numerics::default() }, "-kv8"));
    }
    let mut files = Vec::<MeasuredFile>::new();
    for (name, (numerics, way)) in
        args.model.iter().flat_map(|name| ways.iter().map(move |way| (name, *way)))
    {
        let path = find(name, finder)?;
        let model = LanguageModel::open_base(&path).map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot measure `{path}`"), error)
        })?;
        let first = files.is_empty();
        let name = args.named.then(|| model_name(&path));
        let format = name.into_iter().chain([format_name(&model)]).collect::<Vec<_>>().join("-");
        let which = Which { first, named: args.named };
        let file = MeasuredFile::new(path, model, numerics, format + way, which, &args.only);
        if let Some(twin) = files.iter().find(|other| other.format == file.format) {
            let cause =
                format!("`{}` and `{}` both hold {} weights", twin.path, file.path, file.format);
            return Err(Failure::new(Exit::Usage, "cannot tell the files' cells apart", cause)
                .hint("measure them one after the other, or tell them apart with --named"));
        }
        files.push(file);
    }
    Ok(files)
}

/// What is special about a file among those of a run.
#[derive(Debug, Clone, Copy)]
struct Which {
    first: bool,
    named: bool,
}

/// The file or folder of a model's weights. What is pulled is a folder with one GGUF file, or a
/// Hugging Face folder.
pub(crate) fn find(name: &str, finder: &Finder<'_>) -> Result<Utf8PathBuf, Failure> {
    let path = finder.model_path(name)?;
    if !path.is_dir() || path.join("config.json").exists() {
        return Ok(path);
    }
    let goal = format!("cannot look into `{path}`");
    let entries =
        path.read_dir_utf8().map_err(|error| Failure::new(Exit::Environment, goal, error))?;
    let gguf = entries.flatten().find(|entry| entry.path().extension() == Some("gguf"));
    Ok(gguf.map_or(path, |entry| entry.path().to_owned()))
}

impl MeasuredFile {
    fn new(
        path: Utf8PathBuf,
        model: LanguageModel,
        numerics: Numerics,
        format: String,
        Which { first, named }: Which,
        only: &[String],
    ) -> Self {
        let context = model.checkpoint.config().max_position_embeddings;
        let tasks = Task::all()
            .into_iter()
            .filter(|task| task.tokens() <= context && wanted(&task.name(&format), only))
            .collect();
        let names = ["infer/start", "infer/resident"];
        let names =
            names.map(|name| if first { name.to_owned() } else { format!("{name}/{format}") });
        let start = numerics == Numerics::default() && names.iter().any(|name| wanted(name, only));
        let start = start.then_some(names);
        let perplexity = wanted(&perplexity::cell(&format), only);
        Self { path, model, format, numerics, tasks, start, perplexity, named }
    }

    /// What one of its cells is to reach.
    pub(crate) fn goal(&self, cell: &str) -> Option<Goal> {
        let resident = self.start.as_ref().map(|[_, resident]| resident.as_str());
        if resident == Some(cell) {
            // A folder's size is not that of its weights alone.
            let file = self.path.metadata().ok().filter(Metadata::is_file)?;
            return Some(goals::of_resident(file.len(), cache_bytes(&self.model)));
        }
        if self.named { goals::of_other(cell) } else { goals::of_example(cell) }
    }

    /// Whether nothing of it is wanted.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.start.is_none() && !self.perplexity
    }

    /// What the peers are asked to measure of it.
    pub(crate) fn peers_task(&self, label: &str, threads: usize, text: Option<&Value>) -> Value {
        let sizes = |pick: fn(&Task) -> Option<usize>| -> Vec<usize> {
            self.tasks.iter().filter_map(pick).collect()
        };
        json!({
            "area": "infer", "label": label, "model": absolute(&self.path), "format": self.format,
            "threads": threads, "seed": SEED,
            "vocabulary": self.model.checkpoint.config().vocab_size,
            "prefills": sizes(|task| if let Task::Prefill(n) = task { Some(*n) } else { None }),
            "depths": sizes(|task| if let Task::Decode(n) = task { Some(*n) } else { None }),
            "batches": sizes(|task| if let Task::Batch(n) = task { Some(*n) } else { None }),
            "batch_prompt": BATCH_PROMPT, "generated": GENERATED,
            "start": self.start.as_ref().map(|[start, _]| start),
            "resident": self.start.as_ref().map(|[_, resident]| resident),
            "perplexity": text,
        })
    }
}

/// Other programs may run in another folder.
pub(crate) fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}

/// The file's name without its format, as files of models are named: `NAME.FORMAT.gguf`.
fn model_name(path: &Utf8Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.rsplit_once('.').map_or(stem, |(name, _)| name).to_lowercase()
}

/// llama.cpp's name of a mixture if the file is one, else the format of the first layer's MLP.
fn format_name(model: &LanguageModel) -> String {
    let number = model
        .checkpoint
        .gguf()
        .and_then(|file| file.metadata("general.file_type"))
        .and_then(MetaValue::as_u64);
    if let Some(name) = number.filter(|it| MIXTURES.contains(it)).and_then(file_type_name) {
        return name.to_lowercase();
    }
    let weight = model.checkpoint.weight("model.layers.0.mlp.gate_proj.weight");
    match weight.map(|weight| weight.data) {
        Ok(WeightData::Blocks { format, .. }) => format.name().to_lowercase(),
        Ok(WeightData::F32(_)) => "f32".to_owned(),
        Ok(WeightData::F16(_)) => "f16".to_owned(),
        Ok(WeightData::Bf16(_)) => "bf16".to_owned(),
        Err(_) => "mixed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_file_without_the_format() {
        for (path, name) in [
            ("models/gemma-3-270m.q4_k_m.gguf", "gemma-3-270m"),
            ("Llama-1.1B.Q4_0.gguf", "llama-1.1b"),
            ("a/folder", "folder"),
        ] {
            assert_eq!(model_name(Utf8Path::new(path)), name);
        }
    }
}
