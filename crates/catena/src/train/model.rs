//! Opening a run's model: decoders and encoders, with their tokenizers.

use super::losses::embed;
use super::new_model::NEW_MODEL_DIR;
use super::read::RunFile;
use super::sentence;
use super::settings::{TrainMethod, TrainSettings, TrainStage};
use super::start::Start;
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use crate::progress::say;
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_model::encoder::EncoderWeights;
use catena_model::training::{
    FreezeConfig, Ia3Config, LoraConfig, LoraInit, LoraSettings, Method, PrefixConfig, Recompute,
    Task, TrainModel, TrainOptions, TrainPlan, TrainingError,
};
use catena_model::{Checkpoint, open_tokenizer};
use catena_text::{ChatTemplate, Tokenizer};
use std::sync::Arc;

/// Where the model is that a run starts from; the folder of a new one is written first.
pub(super) fn base_path(file: &RunFile, finder: &Finder<'_>) -> Result<Utf8PathBuf, Failure> {
    let settings = &file.settings;
    let Some(model) = &settings.pretrain.new_model else {
        return finder.model_path(&settings.model);
    };
    let folder = file.output().join(NEW_MODEL_DIR);
    let chosen = model.write(&file.folder.join(&model.tokenizer), settings.max_tokens, &folder)?;
    say(&format!("  {chosen}"));
    Ok(folder)
}

/// A model's files.
pub(crate) enum Files {
    Decoder(Box<Checkpoint>),
    Encoder(Box<EncoderWeights>),
}

/// What a model is made for, so that it fits the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Most tokens of a pass.
    pub(super) tokens: usize,
    /// Layers that are computed again.
    pub(super) recompute: Recompute,
    /// Whether the optimizer runs in the backward pass.
    pub(super) in_backward: bool,
}

/// A model with what encodes its texts.
pub(crate) struct BaseModel {
    pub(crate) files: Files,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) template: Option<ChatTemplate>,
    /// What is trained further, if the run does not begin anew.
    pub(super) start: Option<Start>,
}

impl BaseModel {
    /// Opens the model at `path` that a run starts from.
    pub(crate) fn open(
        path: &Utf8Path,
        settings: &TrainSettings,
        pool: &Arc<Pool>,
    ) -> Result<Self, Failure> {
        let opened = if settings.draws_weights() {
            Checkpoint::drawn(path, settings.seed).map_err(Into::into).and_then(Self::decoder)
        } else {
            Self::of_files(path, settings.stage, pool)
        };
        opened.map_err(|error| {
            let goal = format!("cannot open the model `{}`", settings.model_name());
            let failure = Failure::new(Exit::Environment, goal, error);
            if path.join("config.json").exists() && !path.join("model.safetensors").exists() {
                return failure.hint("`train_from_scratch = true` draws its weights");
            }
            failure
        })
    }

    /// As an encoder where the stage can use one and the files are one.
    fn of_files(path: &Utf8Path, stage: TrainStage, pool: &Arc<Pool>) -> Result<Self, BoxError> {
        let encoders = matches!(
            stage,
            TrainStage::Classify | TrainStage::Tag | TrainStage::Embed | TrainStage::Rerank
        );
        if encoders && let Ok(weights) = EncoderWeights::open(path, pool.clone()) {
            let (tokenizer, template) = (open_tokenizer(path)?, None);
            let files = Files::Encoder(Box::new(weights));
            return Ok(Self { files, tokenizer, template, start: None });
        }
        Self::decoder(Checkpoint::open(path)?)
    }

    fn decoder(checkpoint: Checkpoint) -> Result<Self, BoxError> {
        let tokenizer = checkpoint.tokenizer()?;
        let template = checkpoint.chat_template(&tokenizer)?;
        let files = Files::Decoder(Box::new(checkpoint));
        Ok(Self { files, tokenizer, template, start: None })
    }

    /// The same model, to go on from the adapter that the run names.
    pub(super) fn go_on(mut self, file: &RunFile) -> Result<Self, Failure> {
        let config = match &self.files {
            Files::Decoder(checkpoint) => Some(checkpoint.config()),
            Files::Encoder(_) => None,
        };
        self.start = Start::open(file, config)?;
        Ok(self)
    }

    /// Tokens that end a turn.
    pub(super) fn end_tokens(&self) -> Vec<u32> {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.config().eos_token_ids.clone(),
            Files::Encoder(_) => Vec::new(),
        }
    }

    /// Tokens that end what the model writes: those of a turn, and the tokenizer's own.
    pub(super) fn turn_ends(&self) -> Vec<u32> {
        self.end_tokens().into_iter().chain(self.tokenizer.eos_token_id()).collect()
    }

    /// Whether weights may be in blocks already.
    pub(super) fn is_gguf(&self) -> bool {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.path().extension() == Some("gguf"),
            Files::Encoder(_) => false,
        }
    }

    /// The folder of the model, or its GGUF file.
    pub(super) fn folder(&self) -> &Utf8Path {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.path(),
            Files::Encoder(weights) => weights.path(),
        }
    }

    /// Whether tokens have a type besides their place and their word.
    pub(super) fn has_token_types(&self) -> bool {
        match &self.files {
            Files::Decoder(_) => false,
            Files::Encoder(weights) => weights.config().type_vocab_size > 1,
        }
    }

    /// Whether tokens go through some of several MLPs.
    pub(super) fn has_experts(&self) -> bool {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.config().moe.is_some(),
            Files::Encoder(_) => false,
        }
    }

    /// Longest sequence.
    pub(super) fn max_positions(&self) -> usize {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.config().max_position_embeddings,
            Files::Encoder(weights) => weights.config().max_tokens,
        }
    }

    /// The model with what is trained of it.
    pub(super) fn build(
        &self,
        settings: &TrainSettings,
        task: Task,
        fit: Fit,
        pool: &Arc<Pool>,
    ) -> Result<TrainModel, Failure> {
        let (method, options, pool) = self.parts(settings, fit, pool)?;
        let model = match &self.files {
            Files::Decoder(checkpoint) => {
                let (config, source) = (checkpoint.config(), checkpoint.as_ref());
                TrainModel::decoder(config, source, task, &method, &options, pool)
            }
            Files::Encoder(weights) => TrainModel::encoder(weights, task, &method, &options, pool),
        };
        let mut model = model.map_err(|error| cannot_train(settings, error))?;
        if let Some(start) = &self.start {
            start.put_into(settings, &mut model)?;
        }
        Ok(model)
    }

    /// What [`Self::build`] will take.
    pub(super) fn plan(
        &self,
        settings: &TrainSettings,
        task: Task,
        fit: Fit,
        pool: &Arc<Pool>,
    ) -> Result<TrainPlan, Failure> {
        let (method, options, pool) = self.parts(settings, fit, pool)?;
        match &self.files {
            Files::Decoder(checkpoint) => {
                let (config, source) = (checkpoint.config(), checkpoint.as_ref());
                TrainModel::plan_decoder(config, source, task, &method, &options, pool)
            }
            Files::Encoder(weights) => {
                TrainModel::plan_encoder(weights, task, &method, &options, pool)
            }
        }
        .map_err(|error| cannot_train(settings, error))
    }

    fn parts(
        &self,
        settings: &TrainSettings,
        fit: Fit,
        pool: &Arc<Pool>,
    ) -> Result<(Method, TrainOptions, Arc<Pool>), Failure> {
        let layers = settings.patterns.layers_to_transform.iter().flatten();
        if let Some(layer) = layers.copied().find(|layer| *layer >= self.layers()) {
            let cause =
                format!("`layers_to_transform` has {layer}, the model {} layers", self.layers());
            return Err(cannot_train(settings, cause));
        }
        let method = match &self.start {
            Some(start) => start.method.clone(),
            None => method(settings, self.layers(), self.model_type())
                .map_err(|error| cannot_train(settings, error))?,
        };
        let options = TrainOptions {
            recompute: fit.recompute,
            optimizer_in_backward: fit.in_backward,
            longest: Some(settings.max_tokens),
            keep_blocks: settings.keep_blocks,
            ..TrainOptions::new(fit.tokens)
        };
        Ok((method, options, pool.clone()))
    }

    fn model_type(&self) -> &str {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.config().model_type,
            Files::Encoder(weights) => &weights.config().model_type,
        }
    }

    pub(super) fn layers(&self) -> usize {
        match &self.files {
            Files::Decoder(checkpoint) => checkpoint.config().num_hidden_layers,
            Files::Encoder(weights) => weights.config().layers.len(),
        }
    }
}

fn cannot_train(settings: &TrainSettings, error: impl Into<BoxError>) -> Failure {
    Failure::new(Exit::Usage, format!("cannot train `{}`", settings.model_name()), error)
}

/// The head that a stage trains.
///
/// # Errors
/// A model whose vectors are made as training does not know.
pub(super) fn task(
    settings: &TrainSettings,
    base: &BaseModel,
    labels: usize,
) -> Result<Task, Failure> {
    Ok(match settings.stage {
        TrainStage::Pretrain | TrainStage::Sft | TrainStage::Preference | TrainStage::Kto => {
            Task::LanguageModel
        }
        TrainStage::Reward | TrainStage::Rerank => Task::Sequence { labels: 1 },
        TrainStage::Classify => Task::Sequence { labels },
        TrainStage::Tag => Task::Token { labels },
        TrainStage::Embed => Task::Vector {
            pooling: sentence::pooling(base, embed(settings).sees_lengths())
                .map_err(|error| cannot_train(settings, error))?,
        },
    })
}

/// Numerator of the pairs' scale.
#[expect(clippy::cast_possible_truncation, reason = "alpha is a small number")]
pub(super) fn lora_alpha(settings: &TrainSettings) -> f32 {
    settings.lora_alpha.unwrap_or(2.0 * settings.lora_rank as f64) as f32
}

fn method(
    settings: &TrainSettings,
    layers: usize,
    model_type: &str,
) -> Result<Method, TrainingError> {
    Ok(match settings.method {
        TrainMethod::Full => Method::Full,
        TrainMethod::Freeze => {
            let wanted = settings.freeze.freeze_trainable_layers;
            let count = usize::try_from(wanted.unsigned_abs()).unwrap_or(layers).min(layers);
            let trained = if wanted < 0 { 0..count } else { layers - count..layers };
            Method::Freeze(FreezeConfig {
                layers: trained.collect(),
                modules: settings.freeze.freeze_trainable_modules.clone(),
                extra_modules: settings.freeze.freeze_extra_modules.clone(),
            })
        }
        TrainMethod::Lora => Method::LoraWith(
            LoraConfig {
                r: settings.lora_rank,
                lora_alpha: lora_alpha(settings),
                use_rslora: settings.use_rslora,
                target_modules: settings.target_modules.clone(),
                seed: settings.seed,
            },
            LoraSettings {
                use_dora: settings.use_dora,
                init_lora_weights: LoraInit::parse(&settings.init_lora_weights)?,
                rank_pattern: settings.patterns.rank_pattern.clone(),
                alpha_pattern: settings.patterns.alphas(),
                layers_to_transform: settings.patterns.layers_to_transform.clone(),
                modules_to_save: settings.modules_to_save.clone(),
            },
        ),
        TrainMethod::Ia3 => Method::Ia3(Ia3Config::for_family(model_type)),
        TrainMethod::Prefix => Method::Prefix(PrefixConfig {
            num_virtual_tokens: settings.num_virtual_tokens,
            zero_init: false,
            seed: settings.seed,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_reach_the_pairs() {
        let mut settings = TrainSettings::default();
        settings.patterns.rank_pattern.insert("layers.1.q_proj".to_owned(), 2);
        settings.patterns.alpha_pattern.insert("down_proj".to_owned(), 5.0);
        settings.patterns.layers_to_transform = Some(vec![1]);
        let Method::LoraWith(_, more) = method(&settings, 2, "llama").unwrap() else {
            panic!("pairs are the default");
        };
        assert_eq!(more.rank_pattern["layers.1.q_proj"], 2);
        assert_eq!(more.alpha_pattern["down_proj"], 5.0);
        assert_eq!(more.layers_to_transform, Some(vec![1]));
    }
}
