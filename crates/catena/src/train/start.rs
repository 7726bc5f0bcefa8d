//! What a run goes on from: an adapter that was trained before.

use super::model::lora_alpha;
use super::read::RunFile;
use super::settings::{TrainMethod, TrainSettings};
use crate::failure::{Exit, Failure};
use crate::merged::{ADAPTER_DIR, find_adapter};
use crate::models::BoxError;
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::adapter::open_adapter;
use catena_model::training::{Method, TrainModel};
use catena_model::{ModelConfig, PeftAdapter, PeftConfig};

/// The key that names it.
const KEY: &str = "adapter";
/// What is said where settings and adapter disagree.
const HINT: &str = "leave out keys such as `method`, `lora_rank` and `target_modules`: they follow \
                    from the adapter";

/// An adapter with the method that trains it further.
pub(crate) struct Start {
    adapter: PeftAdapter,
    pub(super) method: Method,
    /// What tells it from others.
    pub(super) digest: String,
}

impl Start {
    /// The adapter of a run, for a decoder of this configuration or for an encoder.
    pub(super) fn open(
        file: &RunFile,
        config: Option<&ModelConfig>,
    ) -> Result<Option<Self>, Failure> {
        let Some(name) = &file.settings.adapter else { return Ok(None) };
        let open = || -> Result<Self, BoxError> {
            let path = path(&file.folder, name)?;
            if inside(&path, &file.output().join(ADAPTER_DIR)) {
                return Err("it is the run's own result: choose another `output`".into());
            }
            let adapter = match config {
                Some(config) => open_adapter(&path, config)?,
                None => PeftAdapter::read(&path)?,
            };
            let method = as_set(adapter.method()?, file);
            let digest = Finder::digested(path)?.digest;
            Ok(Self { adapter, method, digest })
        };
        open().map(Some).map_err(|error| cannot_go_on(name, error))
    }

    /// Puts the adapter's values in the place of what the model trains.
    pub(super) fn put_into(
        &self,
        settings: &TrainSettings,
        model: &mut TrainModel,
    ) -> Result<(), Failure> {
        let name = settings.adapter.as_deref().unwrap_or_default();
        model.begin_from(&self.adapter).map_err(|error| cannot_go_on(name, error).hint(HINT))
    }
}

/// Where the adapter is that a run in `folder` names.
pub(super) fn path(folder: &Utf8Path, name: &str) -> Result<Utf8PathBuf, String> {
    let path = folder.join(name);
    find_adapter(&path)
        .ok_or_else(|| format!("there is no PEFT folder, run or GGUF adapter at `{path}`"))
}

/// The method of settings that name an adapter, which decides it; nothing else may be asked for.
pub(super) fn check(
    folder: &Utf8Path,
    settings: &TrainSettings,
    is_given: impl Fn(&str) -> bool,
) -> Result<TrainMethod, Failure> {
    let Some(name) = &settings.adapter else { return Ok(settings.method) };
    let checked = || -> Result<TrainMethod, BoxError> {
        if settings.draws_weights() {
            return Err("it goes with weights that were trained, not with new ones".into());
        }
        let init = &settings.init_lora_weights;
        if init.starts_with("pissa") {
            return Err(
                format!("pairs begin with it, so `init_lora_weights` = {init} cannot be").into()
            );
        }
        let path = path(folder, name)?;
        // A GGUF adapter is made of pairs.
        let kind = if path.is_file() { None } else { Some(PeftAdapter::read(&path)?.config) };
        let found = match kind {
            None | Some(PeftConfig::Lora(_)) => TrainMethod::Lora,
            Some(PeftConfig::Ia3(_)) => TrainMethod::Ia3,
            Some(PeftConfig::Prefix(_)) => TrainMethod::Prefix,
        };
        if is_given("method") && settings.method != found {
            let (found, asked) = (word(found)?, word(settings.method)?);
            let cause = format!("`method` is {asked}, the adapter was trained by {found}");
            return Err(format!("{cause}; leave `method` out, or say the same").into());
        }
        Ok(found)
    };
    checked().map_err(|error| cannot_go_on(name, error))
}

/// The adapter's method with what the run's file says in its place: where that is something else, the
/// model it gives does not take the adapter.
fn as_set(method: Method, file: &RunFile) -> Method {
    let (settings, given) = (&file.settings, |key: &str| file.given.contains(key));
    match method {
        Method::LoraWith(mut lora, mut more) => {
            if given("lora_rank") {
                lora.r = settings.lora_rank;
            }
            if given("lora_alpha") {
                lora.lora_alpha = lora_alpha(settings);
            }
            if given("target_modules") {
                lora.target_modules.clone_from(&settings.target_modules);
            }
            if given("use_rslora") {
                lora.use_rslora = settings.use_rslora;
            }
            if given("use_dora") {
                more.use_dora = settings.use_dora;
            }
            if given("rank_pattern") {
                more.rank_pattern.clone_from(&settings.patterns.rank_pattern);
            }
            if given("alpha_pattern") {
                more.alpha_pattern = settings.patterns.alphas();
            }
            if given("layers_to_transform") {
                more.layers_to_transform.clone_from(&settings.patterns.layers_to_transform);
            }
            if given("modules_to_save") {
                more.modules_to_save.clone_from(&settings.modules_to_save);
            }
            Method::LoraWith(lora, more)
        }
        Method::Prefix(mut prefix) => {
            if given("num_virtual_tokens") {
                prefix.num_virtual_tokens = settings.num_virtual_tokens;
            }
            Method::Prefix(prefix)
        }
        other @ (Method::Full | Method::Freeze(_) | Method::Lora(_) | Method::Ia3(_)) => other,
    }
}

/// A method as it is written in settings.
fn word(method: TrainMethod) -> Result<String, BoxError> {
    Ok(serde_json::to_value(method)?.as_str().unwrap_or_default().to_owned())
}

/// Whether `path` lies in `folder`, by any name of both.
fn inside(path: &Utf8Path, folder: &Utf8Path) -> bool {
    match (path.canonicalize_utf8(), folder.canonicalize_utf8()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn cannot_go_on(name: &str, error: impl Into<BoxError>) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("cannot go on from the adapter `{name}` (key `{KEY}`)"),
        error,
    )
}

#[cfg(test)]
mod tests {
    use crate::train::llama_factory::import;

    #[test]
    fn a_llama_factory_file_names_it_in_its_own_words() {
        let imported = import("adapter_name_or_path: saves/sft\nstage: dpo\n").unwrap();
        assert_eq!(imported.values["adapter"], "saves/sft");
    }
}
