//! What is trained beside frozen weights, in PEFT's form, and back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::error::TrainingError;
use super::ia3::Ia3Config;
use super::latent_weights::JoinedLatents;
use super::lora_config::{LoraConfig, LoraInit, LoraSettings};
use super::method::{ALL_LINEAR, AdapterKind, Method, is_target};
use super::model::TrainModel;
use super::names::{Names, SavedForm};
use super::params::{Param, ParamKind};
use super::prefix::PrefixConfig;
use super::spec::Spec;
use super::task::Task;
use crate::adapter::{
    AdapterTensor, IA3, IA3_VECTOR, Ia3AdapterConfig, LORA_A, LORA_B, LoraAdapterConfig, PREFIX,
    PREFIX_TUNING, PROMPT, PeftAdapter, PeftConfig, PrefixAdapterConfig, TargetModules,
};

/// What configurations say of the model.
pub(super) struct SavedAs {
    task_type: Option<&'static str>,
    /// Whether the output head is the table of tokens.
    tied: bool,
    /// The table's name.
    table: String,
    /// Whether a name tells which modules are adapted: others may have it in encoders.
    by_name: bool,
    /// Whether the base's matrices are stored `[in, out]`.
    transposed: bool,
    /// How those tensors are saved that stand otherwise in a file, by name.
    pub(super) forms: BTreeMap<String, SavedForm>,
    /// How a decoder has the matrices that latent attention is trained with.
    pub(super) latents: Option<JoinedLatents>,
    num_layers: usize,
    num_key_value_heads: usize,
    head_dim: usize,
}

impl SavedAs {
    pub(super) fn new(spec: &Spec, task: Task, names: &Names) -> Self {
        let attention = &spec.layers[0].attention;
        SavedAs {
            task_type: match task {
                Task::LanguageModel => Some("CAUSAL_LM"),
                Task::Sequence { .. } => Some("SEQ_CLS"),
                Task::Token { .. } => Some("TOKEN_CLS"),
                Task::Vector { .. } => None,
            },
            table: names.module(&spec.embedding.words).to_owned(),
            by_name: names.are_of_decoder(),
            transposed: names.are_transposed(),
            forms: BTreeMap::new(),
            tied: task == Task::LanguageModel && spec.head.weight.is_none(),
            latents: None,
            num_layers: spec.layers.len(),
            num_key_value_heads: attention.num_key_value_heads,
            head_dim: attention.head_dim,
        }
    }
}

impl TrainModel {
    /// What is trained, in PEFT's form for the base as its files have it; `None` if that is the
    /// model's own weights.
    ///
    /// Pairs that began with a part of the weights ([`LoraInit::Pissa`]) become pairs of twice the
    /// rank, which add what training changed: `B A - B0 A0`.
    ///
    /// # Source
    /// PEFT's `subtract_mutated_init`, which `path_initial_model_for_weight_conversion` asks for.
    pub fn adapter(&self) -> Option<PeftAdapter> {
        let config = match &self.method {
            Method::Full | Method::Freeze(_) => return None,
            Method::Lora(_) | Method::LoraWith(..) => {
                let (lora, settings) = self.method.lora()?;
                PeftConfig::Lora(Box::new(self.lora_config(lora, settings)))
            }
            Method::Ia3(ia3) => PeftConfig::Ia3(self.ia3_config(ia3)),
            Method::Prefix(prefix) => PeftConfig::Prefix(self.prefix_config(prefix)),
        };
        let tensors = self.params().iter().map(|param| (param.name.clone(), self.tensor(param)));
        Some(PeftAdapter { config, tensors: tensors.collect() })
    }

    /// Puts the values of an adapter in the place of what is trained.
    ///
    /// # Errors
    /// If its tensors are not exactly those that the model trains, or are scaled otherwise; nothing
    /// is changed then. [`PeftAdapter::method`] gives the method that fits.
    pub fn set_adapter(&mut self, adapter: &PeftAdapter) -> Result<(), TrainingError> {
        let params = self.params().to_vec();
        for param in &params {
            let name = || param.name.clone();
            let Some(tensor) = adapter.tensors.get(&param.name) else {
                return Err(TrainingError::AdapterLacks { name: name() });
            };
            if tensor.shape != param.shape {
                let (found, expected) = (tensor.shape.clone(), param.shape.clone());
                return Err(TrainingError::AdapterShape { name: name(), found, expected });
            }
            self.check_scale(param, &adapter.config)?;
        }
        let known: BTreeSet<&String> = params.iter().map(|param| &param.name).collect();
        if let Some(name) = adapter.tensors.keys().find(|name| !known.contains(name)) {
            return Err(TrainingError::AdapterExtra { name: name.clone() });
        }
        for param in params {
            let tensor = &adapter.tensors[&param.name];
            let own = self.saved_as.forms.get(&param.name).map(|form| form.of_file(&tensor.data));
            self.values_mut()[param.range].copy_from_slice(own.as_ref().unwrap_or(&tensor.data));
        }
        Ok(())
    }

    /// As [`Self::set_adapter`], for a model that goes on from what was trained before: the adapter
    /// belongs to the reference of preference losses, and a new head of a task that the adapter was
    /// not trained for stays as it is.
    ///
    /// # Errors
    /// As [`Self::set_adapter`]; a model that moved a part of its weights into pairs, which are not
    /// the adapter's.
    pub fn begin_from(&mut self, adapter: &PeftAdapter) -> Result<(), TrainingError> {
        if self.moved {
            return Err(TrainingError::AdapterInit);
        }
        let heads = self.params().iter().filter(|param| {
            param.kind == ParamKind::Head
                && self.has_task_head()
                && !adapter.tensors.contains_key(&param.name)
        });
        let heads: Vec<_> = heads.map(|param| (param.name.clone(), self.tensor(param))).collect();
        if heads.is_empty() {
            self.set_adapter(adapter)?;
        } else {
            let mut with_heads = adapter.clone();
            with_heads.tensors.extend(heads);
            self.set_adapter(&with_heads)?;
        }
        self.begun = true;
        Ok(())
    }

    fn check_scale(&self, param: &Param, config: &PeftConfig) -> Result<(), TrainingError> {
        let module = param.name.strip_prefix(PREFIX).and_then(|key| key.strip_suffix(LORA_A));
        let (Some(module), PeftConfig::Lora(config)) = (module, config) else { return Ok(()) };
        let Some(AdapterKind::Pair(pair)) = self.method.adapter(module) else { return Ok(()) };
        let (found, expected) = (config.scale(module, pair.r), f64::from(pair.scale));
        let same = (found - expected).abs() <= 1e-5 * expected && config.use_dora == pair.use_dora;
        if same {
            return Ok(());
        }
        let name = module.to_owned();
        Err(TrainingError::AdapterScale {
            name,
            found,
            found_dora: config.use_dora,
            expected,
            dora: pair.use_dora,
        })
    }

    fn tensor(&self, param: &Param) -> AdapterTensor {
        let mut tensor = self.own_tensor(param);
        if let Some(form) = self.saved_as.forms.get(&param.name) {
            tensor.data = form.to_file(&tensor.data);
        }
        tensor
    }

    /// As [`Self::tensor`], in the order of the rows here.
    fn own_tensor(&self, param: &Param) -> AdapterTensor {
        let own = &self.values()[param.range.clone()];
        let mut shape = param.shape.clone();
        let initial = self.initial.get(param.range.clone()).filter(|_| self.moved);
        let Some(initial) = initial else {
            return AdapterTensor { shape, data: own.to_vec() };
        };
        let data = if param.name.ends_with(LORA_A) {
            shape[0] *= 2;
            [own, initial].concat()
        } else if param.name.ends_with(LORA_B) {
            let r = shape[1];
            shape[1] *= 2;
            let rows = own.chunks_exact(r).zip(initial.chunks_exact(r));
            rows.flat_map(|(own, first)| own.iter().copied().chain(first.iter().map(|b| -b)))
                .collect()
        } else {
            own.to_vec()
        };
        AdapterTensor { shape, data }
    }

    fn lora_config(&self, lora: &LoraConfig, settings: &LoraSettings) -> LoraAdapterConfig {
        let (ranks, alphas) = match (self.moved, lora.use_rslora) {
            (false, _) => (1, 1.0),
            (true, false) => (2, 2.0),
            (true, true) => (2, 2f64.sqrt()),
        };
        let mut config = LoraAdapterConfig::new(
            ranks * lora.r,
            alphas * f64::from(lora.lora_alpha),
            self.names_of(|name| name.strip_suffix(LORA_A)),
        );
        config.task_type = self.saved_as.task_type.map(str::to_owned);
        config.use_rslora = lora.use_rslora;
        config.use_dora = settings.use_dora;
        config.fan_in_fan_out = self.saved_as.transposed;
        let scaled = |(name, &r): (&String, &usize)| (name.clone(), ranks * r);
        config.rank_pattern = settings.rank_pattern.iter().map(scaled).collect();
        let scaled = |(name, &alpha): (&String, &f32)| (name.clone(), alphas * f64::from(alpha));
        config.alpha_pattern = settings.alpha_pattern.iter().map(scaled).collect();
        config.modules_to_save = self.whole_modules();
        let init = match settings.init_lora_weights {
            LoraInit::Gaussian => json!("gaussian"),
            LoraInit::Kaiming | LoraInit::Pissa { .. } => json!(true),
        };
        config.extra.insert("init_lora_weights".to_owned(), init);
        let layers = settings.layers_to_transform.as_ref();
        if let Some(layers) = layers {
            config.extra.insert("layers_to_transform".to_owned(), json!(layers));
        }
        let tables = settings.modules_to_save.iter();
        let table = self.saved_as.table.as_str();
        let mut tables = tables.filter(|name| table.ends_with(name.as_str()));
        if self.saved_as.tied && tables.next().is_some() {
            config.extra.insert("ensure_weight_tying".to_owned(), json!(true));
        }
        config
    }

    fn ia3_config(&self, ia3: &Ia3Config) -> Ia3AdapterConfig {
        let feedforward = self.names_of(|name| {
            let module = name.strip_suffix(IA3_VECTOR)?;
            let key = module.strip_prefix(PREFIX)?;
            (self.method.adapter(key) == Some(AdapterKind::InputVector)).then_some(module)
        });
        debug_assert_eq!(feedforward.is_empty(), ia3.feedforward_modules.is_empty());
        Ia3AdapterConfig {
            peft_type: IA3.to_owned(),
            task_type: self.saved_as.task_type.map(str::to_owned),
            base_model_name_or_path: None,
            target_modules: Some(TargetModules::Names(
                self.names_of(|name| name.strip_suffix(IA3_VECTOR)),
            )),
            feedforward_modules: Some(TargetModules::Names(feedforward)),
            modules_to_save: self.whole_modules(),
            inference_mode: true,
            extra: Map::from_iter([
                ("fan_in_fan_out".to_owned(), json!(self.saved_as.transposed)),
                ("init_ia3_weights".to_owned(), json!(true)),
            ]),
        }
    }

    fn prefix_config(&self, prefix: &PrefixConfig) -> PrefixAdapterConfig {
        let saved_as = &self.saved_as;
        PrefixAdapterConfig {
            peft_type: PREFIX_TUNING.to_owned(),
            task_type: saved_as.task_type.map(str::to_owned),
            base_model_name_or_path: None,
            num_virtual_tokens: prefix.num_virtual_tokens,
            token_dim: Some(saved_as.num_key_value_heads * saved_as.head_dim),
            num_transformer_submodules: Some(1),
            num_attention_heads: Some(saved_as.num_key_value_heads),
            num_layers: Some(saved_as.num_layers),
            prefix_projection: false,
            inference_mode: true,
            extra: Map::new(),
        }
    }

    /// The modules that have a tensor, sorted: of decoders the names that were asked for, else whole
    /// paths, so that PEFT adapts neither more nor less.
    fn names_of<'a>(&'a self, module: impl Fn(&'a str) -> Option<&'a str>) -> Vec<String> {
        let names = self.params().iter().filter_map(|param| module(&param.name));
        let paths = names.map(|module| module.strip_prefix(PREFIX).unwrap_or(module));
        let targets = self.method.targets();
        let names: BTreeSet<&str> =
            if self.saved_as.by_name && !targets.iter().any(|target| target == ALL_LINEAR) {
                let paths: Vec<&str> = paths.collect();
                let is_there = |target: &&String| {
                    let target = std::slice::from_ref(*target);
                    paths.iter().any(|path| is_target(target, path))
                };
                targets.iter().filter(is_there).map(String::as_str).collect()
            } else {
                paths.collect()
            };
        names.into_iter().map(str::to_owned).collect()
    }

    /// Modules that are saved whole: those asked for, and new heads by their path.
    fn whole_modules(&self) -> Option<Vec<String>> {
        let mut names = self.method.modules_to_save().to_vec();
        for param in self.params().iter().filter(|param| param.kind == ParamKind::Head) {
            let key = param.name.strip_prefix(PREFIX).unwrap_or(&param.name);
            let module = key.rsplit_once('.').map_or(key, |(module, _)| module);
            if !names.iter().any(|name| module.ends_with(name.as_str())) {
                names.push(module.to_owned());
            }
        }
        (!names.is_empty()).then_some(names)
    }
}

impl PeftAdapter {
    /// The method that trains such an adapter further.
    ///
    /// # Errors
    /// If it changes no module.
    pub fn method(&self) -> Result<Method, TrainingError> {
        match &self.config {
            PeftConfig::Lora(config) => {
                let extra = |key: &str| config.extra.get(key).filter(|value| !is_empty(value));
                // Names alone do not say which modules are left out: the tensors do.
                let by_tensor = ["exclude_modules", "layers_pattern"];
                let named = by_tensor.iter().all(|key| extra(key).is_none());
                let names = config.target_modules.as_ref().filter(|_| named);
                let (target_modules, layers) = match names {
                    Some(TargetModules::Names(names)) => {
                        (names.clone(), extra("layers_to_transform").map(layers_of))
                    }
                    Some(TargetModules::Pattern(_)) | None => (self.paths(LORA_A), None),
                };
                check_some(&target_modules)?;
                let alpha = |(name, &alpha): (&String, &f64)| (name.clone(), narrow(alpha));
                let lora = LoraConfig {
                    r: config.r,
                    lora_alpha: narrow(config.lora_alpha),
                    use_rslora: config.use_rslora,
                    target_modules,
                    seed: 0,
                };
                let settings = LoraSettings {
                    use_dora: config.use_dora,
                    init_lora_weights: LoraInit::Kaiming,
                    rank_pattern: config.rank_pattern.clone(),
                    alpha_pattern: config.alpha_pattern.iter().map(alpha).collect(),
                    layers_to_transform: layers,
                    modules_to_save: self.whole(config.modules_to_save.as_ref()),
                };
                Ok(Method::LoraWith(lora, settings))
            }
            PeftConfig::Ia3(config) => {
                let names = |names: &Option<TargetModules>, is_there: &dyn Fn(&[usize]) -> bool| {
                    match names {
                        Some(TargetModules::Names(names)) => names.clone(),
                        Some(TargetModules::Pattern(_)) | None => {
                            self.paths_where(IA3_VECTOR, is_there)
                        }
                    }
                };
                let target_modules = names(&config.target_modules, &|_| true);
                check_some(&target_modules)?;
                let is_input = |shape: &[usize]| shape.first() == Some(&1);
                let feedforward_modules = names(&config.feedforward_modules, &is_input);
                let modules_to_save = self.whole(config.modules_to_save.as_ref());
                Ok(Method::Ia3(Ia3Config { target_modules, feedforward_modules, modules_to_save }))
            }
            PeftConfig::Prefix(config) => {
                if !self.tensors.contains_key(PROMPT) {
                    return Err(TrainingError::AdapterLacks { name: PROMPT.to_owned() });
                }
                let num_virtual_tokens = config.num_virtual_tokens;
                Ok(Method::Prefix(PrefixConfig { num_virtual_tokens, zero_init: true, seed: 0 }))
            }
        }
    }

    /// Paths of the modules that have such a tensor.
    fn paths(&self, suffix: &str) -> Vec<String> {
        self.paths_where(suffix, &|_| true)
    }

    fn paths_where(&self, suffix: &str, is_there: &dyn Fn(&[usize]) -> bool) -> Vec<String> {
        let of = |(name, tensor): (&String, &AdapterTensor)| {
            let module = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
            is_there(&tensor.shape).then(|| module.to_owned())
        };
        self.tensors.iter().filter_map(of).collect()
    }

    /// Modules saved whole of which there is a tensor: PEFT names heads that a model may not have.
    fn whole(&self, names: Option<&Vec<String>>) -> Vec<String> {
        let is_there = |name: &&String| {
            let module = |key: &String| {
                key.rsplit_once('.').is_some_and(|(module, _)| module.ends_with(name.as_str()))
            };
            self.tensors.keys().any(module)
        };
        names.into_iter().flatten().filter(is_there).cloned().collect()
    }
}

fn check_some(targets: &[String]) -> Result<(), TrainingError> {
    if targets.is_empty() { Err(TrainingError::EmptyAdapter) } else { Ok(()) }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// PEFT's `layers_to_transform`: one layer or several.
fn layers_of(value: &Value) -> Vec<usize> {
    let index = |value: &Value| value.as_u64().and_then(|layer| usize::try_from(layer).ok());
    match value.as_array() {
        Some(layers) => layers.iter().filter_map(index).collect(),
        None => index(value).into_iter().collect(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "alphas are small numbers")]
fn narrow(alpha: f64) -> f32 {
    alpha as f32
}
