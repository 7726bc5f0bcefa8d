//! What is trained: tensors inside one flat vector.

use std::collections::BTreeMap;
use std::ops::Range;

use super::grads::Grads;
use super::names::SavedForm;

/// One trained tensor inside the flat vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name in the files that the training writes: PEFT's key of an adapter tensor, such as
    /// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`, else the model's own name.
    pub name: String,
    /// Its shape, outermost first.
    pub shape: Vec<usize>,
    /// Its place in [`super::TrainModel::values`] and [`super::TrainModel::grads`].
    pub range: Range<usize>,
    /// What it is.
    pub kind: ParamKind,
}

/// What a trained tensor is: optimizers and schedules treat kinds differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A matrix inside a layer.
    Matrix,
    /// A bias.
    Bias,
    /// Gain or bias of a norm.
    Norm,
    /// A table of tokens, positions or token types, or of learned keys and values.
    Embedding,
    /// The output head, if it is not the embedding, or a task's head.
    Head,
    /// The first matrix of a low-rank pair, `[r, k]`, or what else scales a projection: magnitudes
    /// `[n]`, factors of outputs `[n, 1]` or of inputs `[1, k]`.
    LoraA,
    /// The second, `[n, r]`.
    LoraB,
}

impl ParamKind {
    /// Whether weight decay usually applies: not to biases and norms.
    pub fn decays(self) -> bool {
        !matches!(self, Self::Bias | Self::Norm)
    }
}

/// The trained tensors while a model is put together.
pub(super) struct Params {
    pub(super) list: Vec<Param>,
    /// How those are saved that stand otherwise in a file, by name.
    pub(super) forms: BTreeMap<String, SavedForm>,
    /// First values; none where they are only counted.
    pub(super) values: Vec<f32>,
    /// Number of all values.
    pub(super) len: usize,
    /// Where in the list the last tensor of a name is.
    by_name: BTreeMap<String, usize>,
    takes: bool,
}

impl Params {
    /// None yet; `takes` says whether values are kept, not only counted.
    pub(super) fn new(takes: bool) -> Self {
        Params {
            list: Vec::new(),
            forms: BTreeMap::new(),
            values: Vec::new(),
            len: 0,
            by_name: BTreeMap::new(),
            takes,
        }
    }

    /// The place of a tensor that was added before.
    pub(super) fn find(&self, name: &str) -> Option<Range<usize>> {
        self.by_name.get(name).map(|&at| self.list[at].range.clone())
    }

    /// As [`Self::add`], for a tensor that a file has in another form.
    pub(super) fn add_as(
        &mut self,
        (name, form): (String, SavedForm),
        shape: &[usize],
        kind: ParamKind,
        values: &[f32],
    ) -> Range<usize> {
        if form != SavedForm::default() {
            self.forms.insert(name.clone(), form);
        }
        self.add(name, shape, kind, values)
    }

    /// Adds a tensor with its first values and returns its place.
    pub(super) fn add(
        &mut self,
        name: String,
        shape: &[usize],
        kind: ParamKind,
        values: &[f32],
    ) -> Range<usize> {
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end;
        if self.takes {
            assert_eq!(values.len(), range.len(), "values of {name}");
            self.values.extend_from_slice(values);
        }
        self.by_name.insert(name.clone(), self.list.len());
        self.list.push(Param { name, shape: shape.to_vec(), range: range.clone(), kind });
        range
    }
}

/// A vector of the model.
pub(super) enum Vector {
    Frozen(Vec<f32>),
    Trained(Range<usize>),
}

impl Vector {
    pub(super) fn get<'a>(&'a self, values: &'a [f32]) -> &'a [f32] {
        match self {
            Self::Frozen(own) => own,
            Self::Trained(range) => &values[range.clone()],
        }
    }

    /// Its part of the gradient, if it is trained.
    pub(super) fn grad<'g>(&self, grads: &'g mut Grads) -> Option<&'g mut [f32]> {
        match self {
            Self::Frozen(_) => None,
            Self::Trained(range) => Some(grads.of(range)),
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        matches!(self, Self::Trained(_))
    }
}
