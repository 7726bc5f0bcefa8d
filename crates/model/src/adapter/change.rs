//! What an adapter does to the modules of its base, by their names in `transformers`.

use std::collections::BTreeMap;

use super::keys::{IA3_VECTOR, LORA_A, LORA_B, MAGNITUDE, PREFIX, PROMPT};
use super::peft::{PeftAdapter, PeftConfig};
use crate::error::ModelError;

/// One tensor of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub data: Vec<f32>,
}

/// What an adapter does to one tensor of its base, whose rows are `W_i`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    /// `W_i + s B_i A`, or `m_i (W_i + s B_i A) / ||W_i + s B_i A||` with magnitudes.
    Pair {
        a: &'a AdapterTensor,
        b: &'a AdapterTensor,
        scale: f64,
        magnitude: Option<&'a AdapterTensor>,
    },
    /// `l_i W_i`, and the same of a bias.
    Outputs(&'a AdapterTensor),
    /// `W_ij l_j`.
    Inputs(&'a AdapterTensor),
    /// Another tensor in its place.
    Whole(&'a AdapterTensor),
}

impl PeftAdapter {
    /// PEFT's keys of the pair of a base tensor: `(A, B)` of `model.….q_proj.weight`.
    pub fn keys_of(name: &str) -> (String, String) {
        let module = module_of(name);
        (format!("{PREFIX}{module}{LORA_A}"), format!("{PREFIX}{module}{LORA_B}"))
    }

    /// The base tensors that the adapter changes, by Hugging Face's names, sorted; of modules whose
    /// outputs are scaled the weight stands for the bias too.
    pub fn targets(&self) -> Vec<String> {
        let target = |key: &String| {
            let key = key.strip_prefix(PREFIX)?;
            if key.ends_with(LORA_B) || key.ends_with(MAGNITUDE) {
                return None;
            }
            let module = key.strip_suffix(LORA_A).or_else(|| key.strip_suffix(IA3_VECTOR));
            Some(module.map_or_else(|| key.to_owned(), |module| format!("{module}.weight")))
        };
        self.tensors.keys().filter_map(target).collect()
    }

    /// What the adapter does to base tensor `target`, by Hugging Face's name.
    pub(crate) fn change(&self, target: &str) -> Option<Change<'_>> {
        if let Some(whole) = self.tensors.get(&format!("{PREFIX}{target}")) {
            return Some(Change::Whole(whole));
        }
        let (module, kind) = target.rsplit_once('.')?;
        let get = |end: &str| self.tensors.get(&format!("{PREFIX}{module}{end}"));
        match &self.config {
            PeftConfig::Lora(config) if kind == "weight" => {
                let (a, b) = (get(LORA_A)?, get(LORA_B)?);
                let scale = config.scale(module, config.rank(module));
                let magnitude = if config.use_dora { Some(get(MAGNITUDE)?) } else { None };
                Some(Change::Pair { a, b, scale, magnitude })
            }
            PeftConfig::Ia3(_) => {
                let vector = get(IA3_VECTOR)?;
                match (vector.shape.first() == Some(&1), kind) {
                    (false, _) => Some(Change::Outputs(vector)),
                    (true, "weight") => Some(Change::Inputs(vector)),
                    (true, _) => None,
                }
            }
            PeftConfig::Lora(_) | PeftConfig::Prefix(_) => None,
        }
    }

    /// Every tensor has a meaning for the adapter's kind, and its shape is that of its kind.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        self.tensors.iter().try_for_each(|(name, tensor)| {
            let unknown = || ModelError::UnknownAdapterTensor { name: name.clone() };
            match &self.config {
                PeftConfig::Prefix(_) if name == PROMPT => return Ok(()),
                // Heads of tasks stand beside a prefix under a shorter name.
                PeftConfig::Prefix(_) if name.starts_with("base_model.") => return Ok(()),
                PeftConfig::Lora(_) | PeftConfig::Ia3(_) | PeftConfig::Prefix(_) => {}
            }
            let key = name.strip_prefix(PREFIX).ok_or_else(unknown)?;
            if self.is_saved_whole(key) {
                return Ok(());
            }
            match &self.config {
                PeftConfig::Lora(_) => self.check_pair(name, key, tensor),
                PeftConfig::Ia3(_) => match tensor.shape[..] {
                    [_, 1] | [1, _] if key.ends_with(IA3_VECTOR) => Ok(()),
                    _ => Err(unknown()),
                },
                PeftConfig::Prefix(_) => Err(unknown()),
            }
        })
    }

    /// A tensor is half of a pair of the configured rank, or the magnitudes beside one.
    fn check_pair(&self, name: &str, key: &str, tensor: &AdapterTensor) -> Result<(), ModelError> {
        let PeftConfig::Lora(config) = &self.config else { return Ok(()) };
        let (module, other, rank_dim) = if let Some(module) = key.strip_suffix(LORA_A) {
            (module, LORA_B, 0)
        } else if let Some(module) = key.strip_suffix(LORA_B) {
            (module, LORA_A, 1)
        } else if let Some(module) = key.strip_suffix(MAGNITUDE).filter(|_| config.use_dora) {
            return self.partner(name, module, LORA_A);
        } else {
            return Err(ModelError::UnknownAdapterTensor { name: name.to_owned() });
        };
        self.partner(name, module, other)?;
        if config.use_dora {
            self.partner(name, module, MAGNITUDE)?;
        }
        let mut expected = tensor.shape.clone();
        expected.resize(2, 0);
        expected[rank_dim] = config.rank(module);
        if tensor.shape == expected {
            return Ok(());
        }
        let (name, found) = (name.to_owned(), tensor.shape.clone());
        Err(ModelError::ShapeMismatch { name, found, expected })
    }

    /// Refuses a tensor without the one that belongs to it.
    fn partner(&self, name: &str, module: &str, end: &str) -> Result<(), ModelError> {
        let partner = format!("{PREFIX}{module}{end}");
        if self.tensors.contains_key(&partner) {
            return Ok(());
        }
        Err(ModelError::AdapterPair { name: name.to_owned(), partner })
    }

    fn is_saved_whole(&self, key: &str) -> bool {
        let whole = match &self.config {
            PeftConfig::Lora(config) => &config.modules_to_save,
            PeftConfig::Ia3(config) => &config.modules_to_save,
            PeftConfig::Prefix(_) => &None,
        };
        let module = key.strip_suffix(".weight").or_else(|| key.strip_suffix(".bias"));
        // As PEFT has it, a name may begin inside a part of the path.
        let mut saved = whole.iter().flatten();
        module.is_some_and(|module| saved.any(|name| module.ends_with(name.as_str())))
    }
}

/// A tensor's name without what it is of its module.
pub(crate) fn module_of(name: &str) -> &str {
    name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(name)
}

/// Refuses a tensor of another shape.
pub(crate) fn check_shape(
    key: String,
    tensor: &AdapterTensor,
    expected: &[usize],
) -> Result<(), ModelError> {
    if tensor.shape == expected && tensor.data.len() == expected.iter().product::<usize>() {
        return Ok(());
    }
    let (found, expected) = (tensor.shape.clone(), expected.to_vec());
    Err(ModelError::ShapeMismatch { name: key, found, expected })
}

impl Change<'_> {
    /// Refuses tensors that do not fit a module of `n` rows and `k` columns.
    pub(crate) fn check(
        &self,
        target: &str,
        rank: usize,
        (n, k): (usize, usize),
    ) -> Result<(), ModelError> {
        let key = |end: &str| format!("{PREFIX}{}{end}", module_of(target));
        match self {
            Self::Pair { a, b, magnitude, .. } => {
                check_shape(key(LORA_A), a, &[rank, k])?;
                check_shape(key(LORA_B), b, &[n, rank])?;
                magnitude.map_or(Ok(()), |m| check_shape(key(MAGNITUDE), m, &[n]))
            }
            Self::Outputs(vector) => check_shape(key(IA3_VECTOR), vector, &[n, 1]),
            Self::Inputs(vector) => check_shape(key(IA3_VECTOR), vector, &[1, k]),
            Self::Whole(_) => Ok(()),
        }
    }
}

/// Tensors by PEFT's keys.
pub(crate) type Tensors = BTreeMap<String, AdapterTensor>;
