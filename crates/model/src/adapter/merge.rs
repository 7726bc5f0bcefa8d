//! An adapter inside the weights.

use std::collections::BTreeMap;

use super::change::{Change, check_shape, module_of};
use super::keys::PREFIX;
use super::modules::{ModulePart, Modules};
use super::peft::{PeftAdapter, PeftConfig};
use crate::checkpoint::{Checkpoint, transpose};
use crate::error::ModelError;

/// An adapter laid over the tensors of a checkpoint.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    adapter: &'a PeftAdapter,
    /// Of each tensor of the decoder that is changed the target that it stands in.
    places: BTreeMap<String, (String, ModulePart)>,
}

impl<'a> Merge<'a> {
    /// Finds what the adapter changes.
    ///
    /// # Errors
    /// A prefix, which is in no weight; an adapter that was made for another model.
    pub(crate) fn new(
        checkpoint: &Checkpoint,
        adapter: &'a PeftAdapter,
    ) -> Result<Self, ModelError> {
        if matches!(adapter.config, PeftConfig::Prefix(_)) {
            return Err(ModelError::PrefixNotMerged);
        }
        let mut targets = adapter.targets();
        let modules = Modules::new(checkpoint.config(), &targets);
        let biases = targets.iter().map(|target| format!("{}.bias", module_of(target)));
        let scaled = |target: &String| matches!(adapter.change(target), Some(Change::Outputs(_)));
        let biases: Vec<_> =
            biases.filter(|bias| modules.find(bias).is_some() && scaled(bias)).collect();
        targets.extend(biases);
        let mut places = BTreeMap::new();
        for target in targets {
            let parts = modules.parts(&target)?;
            let Some(change) = adapter.change(&target) else { continue };
            check(adapter, &modules, &target, &parts, change)?;
            for part in parts {
                places.insert(part.name.clone(), (target.clone(), part));
            }
        }
        Ok(Self { adapter, places })
    }

    /// Whether a tensor of the decoder is changed.
    pub(crate) fn changes(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Changes the values of one of the decoder's tensors.
    ///
    /// # Panics
    /// If `values` has another size: shapes were checked before.
    pub(crate) fn apply(&self, name: &str, values: &mut Vec<f32>) {
        let Some((target, part)) = self.places.get(name) else { return };
        let Some(change) = self.adapter.change(target) else { return };
        if let Change::Whole(whole) = change {
            return put(whole.data.as_slice(), part, values);
        }
        let (rows, k) = (part.rows(), part.columns());
        assert_eq!(values.len(), rows * k, "values of {name}");
        // Rows of latent attention's keys are columns here, head by head.
        let turned = |values: &[f32], inner: usize, heads: usize| -> Vec<f32> {
            let head = values.chunks_exact(values.len() / heads);
            head.flat_map(|head| transpose(head, inner)).collect()
        };
        let heads = part.source.transposed_heads;
        if let Some(heads) = heads {
            *values = turned(values, k, heads);
        }
        let mut delta = vec![0.0f64; k];
        for (row, values) in values.chunks_exact_mut(k).enumerate() {
            change_row(change, part.place(row), values, &mut delta);
        }
        if let Some(heads) = heads {
            *values = turned(values, rows / heads, heads);
        }
    }
}

/// Refuses tensors of other shapes than the target's.
fn check(
    adapter: &PeftAdapter,
    modules: &Modules,
    target: &str,
    parts: &[ModulePart],
    change: Change<'_>,
) -> Result<(), ModelError> {
    if let Change::Whole(whole) = change {
        let turned = parts.iter().any(|part| part.source.transposed_heads.is_some());
        return match modules.shape(target) {
            Some(shape) if !turned => check_shape(format!("{PREFIX}{target}"), whole, shape),
            _ => Err(ModelError::AdapterModule { name: target.to_owned() }),
        };
    }
    let n = parts.iter().map(ModulePart::rows).sum();
    let k = parts.first().map_or(0, ModulePart::columns);
    let rank = match &adapter.config {
        PeftConfig::Lora(config) => config.rank(module_of(target)),
        PeftConfig::Ia3(_) | PeftConfig::Prefix(_) => 0,
    };
    change.check(target, rank, (n, k))
}

/// Changes row `i` of a target.
///
/// # Source
/// `get_delta_weight` and `merge` of PEFT's layers; of magnitudes Liu et al. 2024,
/// arXiv:2402.09353, eq. 5.
#[expect(clippy::cast_possible_truncation, reason = "summed wide, stored as f32")]
fn change_row(change: Change<'_>, i: usize, values: &mut [f32], delta: &mut [f64]) {
    match change {
        Change::Pair { a, b, scale, magnitude } => {
            let (rank, k) = (a.shape[0], values.len());
            delta.fill(0.0);
            for (&b, a_k) in b.data[i * rank..][..rank].iter().zip(a.data.chunks_exact(k)) {
                let factor = scale * f64::from(b);
                for (delta, &a) in delta.iter_mut().zip(a_k) {
                    *delta += factor * f64::from(a);
                }
            }
            for (delta, &value) in delta.iter_mut().zip(&*values) {
                *delta += f64::from(value);
            }
            let factor = magnitude.map_or(1.0, |magnitude| {
                let norm = delta.iter().map(|x| x * x).sum::<f64>().sqrt();
                f64::from(magnitude.data[i]) / norm.max(f64::MIN_POSITIVE)
            });
            for (value, delta) in values.iter_mut().zip(&*delta) {
                *value = (factor * delta) as f32;
            }
        }
        Change::Outputs(vector) => {
            for value in values {
                *value *= vector.data[i];
            }
        }
        Change::Inputs(vector) => {
            values.iter_mut().zip(&vector.data).for_each(|(value, factor)| *value *= factor);
        }
        Change::Whole(_) => {}
    }
}

/// Takes the part's values out of a tensor saved whole, which stands as the family's files have it.
fn put(whole: &[f32], part: &ModulePart, values: &mut [f32]) {
    let (rows, source) = (part.source.shape[0], &part.source);
    let k = values.len() / rows;
    let turned = source.transposed && source.shape.len() > 1;
    let whole = if turned { &transpose(whole, k)[..] } else { whole };
    for (row, values) in values.chunks_exact_mut(k).enumerate() {
        values.copy_from_slice(&whole[part.place(row) * k..][..k]);
        for value in values {
            *value += source.offset;
        }
    }
}
