//! The tokenizer that a user names, as a file that a plan can name.

use crate::failure::{Exit, Failure};
use crate::machine::cache_dir;
use crate::models::LanguageModel;
use crate::progress::for_stderr;
use crate::pull::Finder;
use camino::Utf8Path;
use catena_protocol::Cancel;
use catena_store::{Digest, write_atomic};

/// The file of a Hugging Face folder.
const FILE: &str = "tokenizer.json";

/// The file or folder `name`, or the tokenizer of the model called so. That of a GGUF file is
/// written into the cache, under its SHA-256.
pub(super) fn tokenizer_file(goal: &str, name: &str, cancel: &Cancel) -> Result<String, Failure> {
    let named = Utf8Path::new(name);
    if named.extension() == Some("json") || named.join(FILE).is_file() {
        return Ok(name.to_owned());
    }
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let model = crate::bench::find_model(name, &finder)?;
    if model.join(FILE).is_file() {
        return Ok(model.into_string());
    }
    let model = LanguageModel::open_base(&model)
        .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
    let json = model.tokenizer().to_json();
    let json = json.map_err(|error| Failure::new(Exit::Bug, goal, error))?;
    let digest = Digest::of(json.as_bytes()).to_hex();
    let file = cache_dir()?.join("tokenizers").join(format!("{digest}.json"));
    if !file.exists() {
        write_atomic(&file, json.as_bytes())
            .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
    }
    Ok(file.into_string())
}
