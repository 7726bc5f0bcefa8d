//! Which values are trained.

use super::error::TrainingError;
use super::ia3::Ia3Config;
use super::lora_config::{LoraConfig, LoraSettings, PLAIN, PairConfig};
use super::prefix::PrefixConfig;

/// Projections of a decoder that can be adapted, in the order of the forward pass.
pub(super) const PROJECTIONS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// PEFT's word for all linear layers but the output.
pub(super) const ALL_LINEAR: &str = "all-linear";

/// Which values are trained.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// All of the model's own.
    Full,
    /// The model's own of some layers and modules.
    Freeze(FreezeConfig),
    /// Low-rank pairs beside the model's projections, which stay as they are.
    Lora(LoraConfig),
    /// The same with more of PEFT's settings: magnitudes, first values, patterns, whole modules.
    LoraWith(LoraConfig, LoraSettings),
    /// Vectors that scale what some projections give or get.
    Ia3(Ia3Config),
    /// Keys and values before those of every sequence.
    Prefix(PrefixConfig),
}

/// Which tensors of the model are trained, the rest being frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreezeConfig {
    /// Layers of which something is trained, counted from 0.
    pub layers: Vec<usize>,
    /// Modules of these layers by any part of their path, such as `mlp` or `q_proj`; none for all.
    pub modules: Vec<String>,
    /// Modules outside the layers, by any part of their path, such as `embed_tokens` or `norm`.
    pub extra_modules: Vec<String>,
}

/// What a method puts beside a projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum AdapterKind {
    /// A low-rank pair.
    Pair(PairConfig),
    /// A vector that scales the outputs.
    OutputVector,
    /// A vector that scales the inputs.
    InputVector,
}

/// Working memory that adapters need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AdapterNeeds {
    /// The largest rank.
    pub(super) rank: usize,
    /// Whether rows or columns are scaled.
    pub(super) scales: bool,
    /// Whether norms of rows are computed.
    pub(super) norms: bool,
    /// Whether matrices themselves are trained.
    pub(super) whole: bool,
}

impl Method {
    /// Whether a tensor of the model is trained.
    pub(super) fn trains(&self, name: &str) -> bool {
        match self {
            Self::Full => true,
            Self::Freeze(freeze) => freeze.trains(name),
            Self::Lora(_) | Self::LoraWith(..) | Self::Ia3(_) | Self::Prefix(_) => {
                let module = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias"));
                module.is_some_and(|module| is_saved_whole(self.modules_to_save(), module))
            }
        }
    }

    /// Whether what is trained stands beside the model, under PEFT's names.
    pub(super) fn is_beside(&self) -> bool {
        !matches!(self, Self::Full | Self::Freeze(_))
    }

    /// What stands beside a module, if anything does.
    pub(super) fn adapter(&self, module: &str) -> Option<AdapterKind> {
        if is_saved_whole(self.modules_to_save(), module) {
            return None;
        }
        match self {
            Self::Full | Self::Freeze(_) | Self::Prefix(_) => None,
            Self::Lora(_) | Self::LoraWith(..) => {
                let (lora, settings) = self.lora()?;
                settings.pair(lora, module).map(AdapterKind::Pair)
            }
            Self::Ia3(ia3) => ia3.vector(module),
        }
    }

    /// The LoRA configuration, if the method is one.
    pub(super) fn lora(&self) -> Option<(&LoraConfig, &LoraSettings)> {
        match self {
            Self::Lora(lora) => Some((lora, &PLAIN)),
            Self::LoraWith(lora, settings) => Some((lora, settings)),
            Self::Full | Self::Freeze(_) | Self::Ia3(_) | Self::Prefix(_) => None,
        }
    }

    /// Modules trained whole beside adapters.
    pub(super) fn modules_to_save(&self) -> &[String] {
        match self {
            Self::LoraWith(_, settings) => &settings.modules_to_save,
            Self::Ia3(ia3) => &ia3.modules_to_save,
            Self::Full | Self::Freeze(_) | Self::Lora(_) | Self::Prefix(_) => &[],
        }
    }

    /// Modules named as targets.
    pub(super) fn targets(&self) -> &[String] {
        match self {
            Self::Lora(lora) | Self::LoraWith(lora, _) => &lora.target_modules,
            Self::Ia3(ia3) => &ia3.target_modules,
            Self::Full | Self::Freeze(_) | Self::Prefix(_) => &[],
        }
    }

    /// What is learnt before every sequence.
    pub(super) fn prefix(&self) -> Option<&PrefixConfig> {
        match self {
            Self::Prefix(prefix) => Some(prefix),
            Self::Full | Self::Freeze(_) | Self::Lora(_) | Self::LoraWith(..) | Self::Ia3(_) => {
                None
            }
        }
    }

    /// Tokens that stand before every sequence.
    pub(super) fn virtual_tokens(&self) -> usize {
        self.prefix().map_or(0, |prefix| prefix.num_virtual_tokens)
    }

    /// The name under which a trained tensor of the model is saved: beside adapters, PEFT's for
    /// whole modules.
    pub(super) fn key(&self, name: &str) -> String {
        match self {
            Self::Full | Self::Freeze(_) => name.to_owned(),
            Self::Lora(_) | Self::LoraWith(..) | Self::Ia3(_) => format!("base_model.model.{name}"),
            Self::Prefix(_) => format!("base_model.{name}"),
        }
    }

    pub(super) fn needs(&self) -> AdapterNeeds {
        let whole = !self.modules_to_save().is_empty();
        let none = AdapterNeeds { whole, ..AdapterNeeds::default() };
        match self {
            Self::Full | Self::Freeze(_) => AdapterNeeds { whole: true, ..none },
            Self::Prefix(_) => none,
            Self::Lora(lora) => AdapterNeeds { rank: lora.r, ..none },
            Self::LoraWith(lora, settings) => AdapterNeeds {
                rank: settings.rank_pattern.values().copied().fold(lora.r, usize::max),
                scales: settings.use_dora,
                norms: settings.use_dora,
                ..none
            },
            Self::Ia3(_) => AdapterNeeds { scales: true, ..none },
        }
    }

    /// Refuses what makes no sense for a model whose output head is its table of tokens.
    pub(super) fn check_tied(&self, table: &str) -> Result<(), TrainingError> {
        let names = |name: &str| is_saved_whole(self.modules_to_save(), name);
        if names("lm_head") {
            return Err(TrainingError::TiedHead { table: table.to_owned() });
        }
        if matches!(self, Self::Ia3(_)) && names(table) {
            return Err(TrainingError::TiedTable);
        }
        Ok(())
    }

    /// Refuses what makes no sense for any model.
    pub(super) fn check(&self) -> Result<(), TrainingError> {
        match self {
            Self::Full | Self::Freeze(_) => Ok(()),
            Self::Lora(lora) => lora.check(),
            Self::LoraWith(lora, settings) => lora.check().and_then(|()| settings.check()),
            Self::Ia3(ia3) => ia3.check(),
            Self::Prefix(prefix) => prefix.check(),
        }
    }
}

impl FreezeConfig {
    fn trains(&self, name: &str) -> bool {
        let part_of =
            |wanted: &[String]| name.split('.').any(|part| wanted.iter().any(|w| w == part));
        match layer_of(name) {
            Some(layer) => {
                self.layers.contains(&layer) && (self.modules.is_empty() || part_of(&self.modules))
            }
            None => part_of(&self.extra_modules),
        }
    }
}

/// The layer that a name is of, if it is of one.
pub(super) fn layer_of(name: &str) -> Option<usize> {
    name.split('.').find_map(|part| part.parse().ok())
}

/// Whether a module is one of `targets`: by its whole path or the end of it, at a dot.
pub(super) fn is_target(targets: &[String], module: &str) -> bool {
    targets.iter().any(|target| {
        target == ALL_LINEAR
            || module
                .strip_suffix(target.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// As PEFT has it: at any place of the name, so that `norm` is every norm.
fn is_saved_whole(modules_to_save: &[String], module: &str) -> bool {
    modules_to_save.iter().any(|name| module.ends_with(name.as_str()))
}

/// Refuses an empty list of targets, and modules that are not adapted by name.
pub(super) fn check_targets(targets: &[String]) -> Result<(), TrainingError> {
    if targets.is_empty() {
        return Err(TrainingError::NoTargets { known: &PROJECTIONS });
    }
    let tables = ["lm_head", "embed_tokens"];
    match targets.iter().find(|target| tables.contains(&target.as_str())) {
        Some(name) => Err(TrainingError::TableTarget { name: name.clone() }),
        None => Ok(()),
    }
}
