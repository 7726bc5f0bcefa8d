//! A project opened for `up` and `plan`.

use crate::classifier::LocalClassifier;
use crate::explain::pipeline_failure;
use crate::failure::Failure;
use crate::machine;
use crate::models::{LanguageModel, draft_failure};
use crate::pull::Finder;
use crate::stages::{self, DataPlan, Inputs, ModelInput, ServedInputs};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_pipeline::config::ProjectConfig;
use catena_pipeline::{Pipeline, config};
use catena_protocol::{Cancel, Progress};
use std::sync::Arc;

/// A project's inputs and its pipeline.
pub(crate) struct Project {
    pub(crate) inputs: Arc<Inputs>,
    pub(crate) pipeline: Pipeline,
}

impl Project {
    /// Reads `catena.toml`, finds or pulls what it names, and opens the state.
    pub(crate) fn open(
        folder: &Utf8Path,
        threads: Option<usize>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let goal = format!("cannot open the project `{folder}`");
        let config = config::load(folder).map_err(|error| pipeline_failure(&goal, error))?;
        let finder = Finder { project: folder, progress, cancel };
        let scenarios = match config.eval.scenarios.as_str() {
            "" => None,
            source => Some(finder.file(source)?),
        };
        let base = finder.model(&config.model.base)?;
        let pool = machine::pool(threads);
        let served = served(&config, &base, &finder, &pool)?;
        let inputs = Arc::new(Inputs::new(
            base,
            finder.model(&config.model.embedder)?,
            (
                stages::documents(&config.data.source, &finder)?,
                DataPlan::open(&config.data, &finder)?,
            ),
            scenarios,
            served,
            pool,
            config,
        ));
        let pipeline = Pipeline::open(&folder.join(".catena"), stages::all(&inputs))
            .map_err(|error| pipeline_failure(&goal, error))?;
        Ok(Self { inputs, pipeline })
    }
}

/// What is only served. It is looked at before any stage runs: an assistant that is ready must not
/// fail for it.
fn served(
    config: &ProjectConfig,
    base: &ModelInput,
    finder: &Finder<'_>,
    pool: &Arc<Pool>,
) -> Result<ServedInputs, Failure> {
    type Open = fn(&Utf8Path, Arc<Pool>) -> Result<LocalClassifier, Failure>;
    let open = |name: &str, open: Open| {
        let path = (!name.is_empty()).then(|| finder.model_path(name)).transpose()?;
        path.map(|path| open(&path, pool.clone()).map(Arc::new)).transpose()
    };
    let serve = &config.serve;
    let draft = match &serve.draft {
        none if none.is_empty() => None,
        format if config.quantize.formats.contains(format) => None,
        name => Some(draft_path(name, base, finder)?),
    };
    Ok(ServedInputs {
        draft,
        reranker: open(&serve.reranker, LocalClassifier::cross_encoder)?,
        classifier: open(&serve.classifier, LocalClassifier::classifier)?,
    })
}

/// Where the model is that writes ahead.
fn draft_path(name: &str, base: &ModelInput, finder: &Finder<'_>) -> Result<Utf8PathBuf, Failure> {
    let path = finder.model_path(name)?;
    let check = || LanguageModel::open_draft(&path, &LanguageModel::open_base(&base.path)?);
    check().map_err(|error| draft_failure(&path, error))?;
    Ok(path)
}
