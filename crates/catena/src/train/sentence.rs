//! What `sentence-transformers` does around a trunk that is trained to give vectors of texts: read of
//! the model's files, and written beside the trained weights.

use super::model::{BaseModel, Files};
use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::encoder::{Pooling, SentenceConfig};
use catena_model::training::HeadPooling;
use serde_json::{Map, Value, json};

/// The file that lists the modules.
const MODULES: &str = "modules.json";
/// Files beside it.
const BESIDE: [&str; 2] = ["sentence_bert_config.json", "config_sentence_transformers.json"];
/// Folder of the pooling where we write it.
const POOLING_DIR: &str = "1_Pooling";

/// How token vectors become one while they are trained: as the model's files have it, else by the
/// mean of an encoder's and the last of a decoder's.
///
/// `sees_lengths` says whether the loss looks at more than the angles of vectors.
///
/// # Errors
/// The files ask for what is not trained.
pub(super) fn pooling(base: &BaseModel, sees_lengths: bool) -> Result<HeadPooling, BoxError> {
    let Some(folder) = modules_of(base) else { return Ok(default_pooling(base)) };
    let config = SentenceConfig::open(folder, base.max_positions())?;
    if !config.dense.is_empty() {
        let cause =
            format!("`{folder}` has dense layers behind its pooling, which are not trained");
        return Err(cause.into());
    }
    match config.pooling[..] {
        [Pooling::Cls] => Ok(HeadPooling::First),
        [Pooling::Mean] => Ok(HeadPooling::Mean),
        // It differs from the mean by a factor, which neither cosines nor unit lengths have.
        [Pooling::MeanSqrtLen] if config.normalize || !sees_lengths => Ok(HeadPooling::Mean),
        [Pooling::LastToken] => Ok(HeadPooling::Last),
        _ => {
            let found = &config.pooling;
            let cause =
                format!("`{folder}` pools by {found:?}; trained are Cls, Mean and LastToken");
            Err(cause.into())
        }
    }
}

/// Whether the model's files scale vectors to length 1.
///
/// # Errors
/// The files are unreadable.
pub(super) fn normalizes(base: &BaseModel) -> Result<bool, BoxError> {
    let Some(folder) = modules_of(base) else { return Ok(false) };
    Ok(SentenceConfig::open(folder, base.max_positions())?.normalize)
}

/// Writes into `folder` what stands around the trunk: what the base has, else its pooling alone.
pub(super) fn write_modules(base: &BaseModel, folder: &Utf8Path) -> Result<(), BoxError> {
    match modules_of(base) {
        Some(from) => copy_modules(from, folder),
        None => new_modules(base, folder),
    }
}

/// The folder of a base that says what stands around its trunk.
fn modules_of(base: &BaseModel) -> Option<&Utf8Path> {
    let path = base.folder();
    path.join(MODULES).exists().then_some(path)
}

fn default_pooling(base: &BaseModel) -> HeadPooling {
    match base.files {
        Files::Decoder(_) => HeadPooling::Last,
        Files::Encoder(_) => HeadPooling::Mean,
    }
}

/// Copies the list and the folder of each module; the paths were read before and lead nowhere else.
fn copy_modules(from: &Utf8Path, folder: &Utf8Path) -> Result<(), BoxError> {
    let modules: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(from.join(MODULES))?)?;
    // The trunk is in the folder itself, where its trained weights are already.
    let paths = modules.iter().filter_map(|module| module["path"].as_str());
    for path in paths.filter(|path| !matches!(*path, "" | ".")) {
        // A module without settings has an empty folder, or none where a copy lost it.
        std::fs::create_dir_all(folder.join(path))?;
        let Ok(files) = from.join(path).read_dir_utf8() else { continue };
        for file in files {
            let file = file?;
            if file.file_type()?.is_file() {
                std::fs::copy(file.path(), folder.join(path).join(file.file_name()))?;
            }
        }
    }
    for file in BESIDE.into_iter().filter(|file| from.join(file).exists()).chain([MODULES]) {
        std::fs::copy(from.join(file), folder.join(file))?;
    }
    Ok(())
}

fn new_modules(base: &BaseModel, folder: &Utf8Path) -> Result<(), BoxError> {
    let is_last = default_pooling(base) == HeadPooling::Last;
    let width = match &base.files {
        Files::Decoder(checkpoint) => checkpoint.config().hidden_size,
        Files::Encoder(weights) => weights.config().hidden_size,
    };
    // The form that all versions of the library read.
    let modes = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"];
    let modes = modes.into_iter().chain(["weightedmean_tokens", "lasttoken"]);
    let is_on = |mode: &str| mode == if is_last { "lasttoken" } else { "mean_tokens" };
    let mut pooling: Map<String, Value> =
        modes.map(|mode| (format!("pooling_mode_{mode}"), json!(is_on(mode)))).collect();
    pooling.insert("word_embedding_dimension".to_owned(), json!(width));
    pooling.insert("include_prompt".to_owned(), json!(true));
    let module = |idx: usize, path: &str, kind: &str| {
        let kind = format!("sentence_transformers.models.{kind}");
        json!({"idx": idx, "name": idx.to_string(), "path": path, "type": kind})
    };
    let modules = json!([module(0, "", "Transformer"), module(1, POOLING_DIR, "Pooling")]);
    let [sizes, about] = BESIDE;
    let files = [
        (Utf8PathBuf::from(POOLING_DIR).join("config.json"), Value::Object(pooling)),
        (sizes.into(), json!({"max_seq_length": base.max_positions(), "do_lower_case": false})),
        (
            about.into(),
            json!({"prompts": {}, "default_prompt_name": null, "similarity_fn_name": "cosine"}),
        ),
        (MODULES.into(), modules),
    ];
    std::fs::create_dir_all(folder.join(POOLING_DIR))?;
    for (path, value) in files {
        std::fs::write(folder.join(path), serde_json::to_string_pretty(&value)? + "\n")?;
    }
    Ok(())
}
