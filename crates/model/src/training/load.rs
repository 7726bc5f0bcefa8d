//! Putting the model together: frozen weights packed, trained ones into the flat vector.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use catena_kernels::{AlignedBuf, DenseType, Pool};

use super::embedding::Embedding;
use super::error::TrainingError;
use super::layer::Layer;
use super::linear::Linear;
use super::matrix::{Matrix, Trained};
use super::method::{AdapterKind, Method};
use super::names::{Names, SavedForm};
use super::norm::Norm;
use super::options::TrainOptions;
use super::params::{ParamKind, Params, Vector};
use super::room::Room;
use super::source::{RandomWeights, WeightSource};
use super::spec::{LayerSpec, Module, NormSpec, Spec};
use crate::ModelError;
use crate::checkpoint::{Weight, WeightData};
use crate::config::NormKind;

/// Takes weights from their source, each once.
pub(super) struct Loader<'a> {
    pub(super) pool: &'a Pool,
    pub(super) source: &'a dyn WeightSource,
    pub(super) method: &'a Method,
    /// Form of frozen float weights.
    pub(super) frozen: DenseType,
    pub(super) keep_blocks: bool,
    /// Element type of products.
    pub(super) dtype: DenseType,
    /// Memory of frozen weights, and of what passes use.
    pub(super) room: Room,
    pub(super) buffers: Room,
    pub(super) params: Params,
    /// What adapters call its tensors.
    pub(super) names: Names,
    /// Weights without what was moved into pairs, of modules that are not read to the end.
    pub(super) residuals: BTreeMap<String, Vec<f32>>,
    /// The next projection's place in its layer.
    pub(super) slot: usize,
    /// Paths of all projections, and of all modules whose weights were taken.
    pub(super) projections: Vec<String>,
    pub(super) modules: BTreeSet<String>,
    /// The values of the prefix of all layers, and per token.
    pub(super) prefix: Option<(Range<usize>, usize)>,
}

/// Seed and standard deviation of a new head's matrices, the latter as in `transformers`.
const HEAD_SEED: u64 = 42;
const HEAD_DEVIATION: f32 = 0.02;

impl<'a> Loader<'a> {
    pub(super) fn new(
        pool: &'a Pool,
        source: &'a dyn WeightSource,
        (method, names): (&'a Method, Names),
        options: &TrainOptions,
        takes: bool,
    ) -> Self {
        Loader {
            pool,
            source,
            method,
            frozen: options.frozen,
            keep_blocks: options.keep_blocks,
            dtype: options.dtype,
            params: Params::new(takes),
            room: Room::new(takes),
            buffers: Room::new(takes),
            names,
            residuals: BTreeMap::new(),
            slot: 0,
            projections: Vec::new(),
            modules: BTreeSet::new(),
            prefix: None,
        }
    }
}

impl<'a> Loader<'a> {
    pub(super) fn embedding(&mut self, spec: &Spec) -> Result<Embedding, ModelError> {
        let (embedding, c) = (&spec.embedding, spec.hidden_size);
        let words = self.matrix(&embedding.words, spec.vocab_size, c, ParamKind::Embedding)?;
        let mut table = |name: &str, rows: usize| {
            self.vector(&format!("{name}.weight"), &[rows, c], ParamKind::Embedding)
        };
        let positions = embedding.positions.as_ref();
        let positions = positions.map(|p| table(&p.name, p.rows)).transpose()?;
        let types = embedding.types.as_ref();
        let types = types.map(|(name, rows)| table(name, *rows)).transpose()?;
        let norm = self.norm(embedding.norm.as_ref(), c, spec.norm)?;
        let padding_idx = embedding.positions.as_ref().and_then(|p| p.padding_idx);
        Ok(Embedding {
            words,
            multiplier: embedding.multiplier,
            pad_token: embedding.pad_token,
            positions,
            padding_idx,
            types,
            sum_tc: AlignedBuf::default(),
            rows_t: Vec::new(),
            norm,
        })
    }

    /// A layer that does not keep anything yet.
    pub(super) fn layer(
        &mut self,
        idx: usize,
        spec: &LayerSpec,
        norm: NormSpec,
    ) -> Result<Layer, ModelError> {
        let (names, c) = (&spec.names, spec.hidden_size);
        self.slot = 0;
        Ok(Layer {
            attention_in_norm: self.norm(names.attention_in_norm.as_ref(), c, norm)?,
            attention: self.attention(idx, spec, norm)?,
            attention_out_norm: self.norm(names.attention_out_norm.as_ref(), c, norm)?,
            mlp_in_norm: self.norm(names.mlp_in_norm.as_ref(), c, norm)?,
            mlp: self.mlp(spec)?,
            mlp_out_norm: self.norm(names.mlp_out_norm.as_ref(), c, norm)?,
            attention_sum_norm: self.norm(names.attention_sum_norm.as_ref(), c, norm)?,
            mlp_sum_norm: self.norm(names.mlp_sum_norm.as_ref(), c, norm)?,
            spec: spec.clone(),
            input: AlignedBuf::default(),
            saved: None,
        })
    }

    pub(super) fn norm(
        &mut self,
        name: Option<&String>,
        width: usize,
        norm: NormSpec,
    ) -> Result<Option<Norm>, ModelError> {
        name.map(|name| self.named_norm(name, width, norm)).transpose()
    }

    pub(super) fn named_norm(
        &mut self,
        name: &str,
        width: usize,
        norm: NormSpec,
    ) -> Result<Norm, ModelError> {
        let gain = self.vector(&format!("{name}.weight"), &[width], ParamKind::Norm)?;
        let bias = match norm.kind {
            NormKind::Rms => Vector::Frozen(Vec::new()),
            NormKind::Layer if norm.bias => {
                self.vector(&format!("{name}.bias"), &[width], ParamKind::Norm)?
            }
            NormKind::Layer => Vector::Frozen(self.room.zeros(width)),
        };
        Ok(Norm { kind: norm.kind, eps: norm.eps, gain, bias })
    }

    pub(super) fn vector(
        &mut self,
        name: &str,
        shape: &[usize],
        kind: ParamKind,
    ) -> Result<Vector, ModelError> {
        let values = self.values(name, shape)?;
        self.note(name);
        Ok(if let Some(key) = self.trained(name)? {
            Vector::Trained(self.params.add_as(key, shape, kind, &values))
        } else {
            self.room.count(shape.iter().product::<usize>() * size_of::<f32>());
            Vector::Frozen(values)
        })
    }

    /// What a tensor of the model is saved as, if it is trained.
    fn trained(&self, name: &str) -> Result<Option<(String, SavedForm)>, TrainingError> {
        if !self.method.is_beside() {
            let key = (self.method.key(name), SavedForm::default());
            return Ok(self.method.trains(name).then_some(key));
        }
        let path = self.names.path(name);
        if !self.method.trains(path) {
            return Ok(None);
        }
        match self.names.whole(name) {
            Some(form) => Ok(Some((self.method.key(path), form))),
            None => Err(TrainingError::FusedModule { name: path.to_owned() }),
        }
    }

    /// A tensor, or its form where memory is only counted.
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'a>, ModelError> {
        if self.room.takes {
            self.source.weight(name, shape)
        } else {
            self.source.form(name, shape)
        }
    }

    /// The values of a tensor; none where memory is only counted.
    pub(super) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let weight = self.weight(name, shape)?;
        Ok(if self.room.takes { weight.to_f32() } else { Vec::new() })
    }

    /// Notes that a tensor's module is there.
    fn note(&mut self, name: &str) {
        let name = self.names.path(name);
        let module = name.rsplit_once('.').map_or(name, |(module, _)| module);
        self.modules.insert(module.to_owned());
    }

    pub(super) fn linear(
        &mut self,
        module: &Module,
        n: usize,
        k: usize,
        bias: bool,
    ) -> Result<Linear, ModelError> {
        let target = self.names.target(module, n);
        let adapter = self.method.adapter(&target.path);
        if adapter == Some(AdapterKind::InputVector) && !module.own_input {
            return Err(TrainingError::InputShared { name: target.path }.into());
        }
        self.projections.push(target.path.clone());
        let weight = match (adapter, module.part) {
            (Some(AdapterKind::Pair(pair)), _) if pair.init.takes_weight() => {
                self.residual(&target, (n, k), pair)?
            }
            (_, Some(part)) => self.matrix_part(&module.name, part, n, k)?,
            (_, None) => self.matrix(&module.name, n, k, ParamKind::Matrix)?,
        };
        let bias = match (bias, module.part) {
            (false, _) => None,
            (true, None) => {
                Some(self.vector(&format!("{}.bias", module.name), &[n], ParamKind::Bias)?)
            }
            (true, Some(part)) => Some(self.bias_part(&module.name, part, n)?),
        };
        let adapter = adapter.map(|kind| self.adapter(kind, &target, &weight, (n, k)));
        let slot = self.slot;
        self.slot += 1;
        Ok(Linear { n, k, weight, bias, adapter, slot })
    }

    /// A linear layer of a task's head: trained, and drawn if the source does not have it.
    pub(super) fn new_linear(
        &mut self,
        module: &str,
        n: usize,
        k: usize,
        bias: bool,
    ) -> Result<Linear, ModelError> {
        let (weight, bias_name) = (format!("{module}.weight"), format!("{module}.bias"));
        let range = self.new_tensor(&weight, &[n, k])?;
        let bias = if bias { Some(self.new_tensor(&bias_name, &[n])?) } else { None };
        let bias = bias.map(Vector::Trained);
        let weight = Matrix::Trained(Trained { range, n, k });
        Ok(Linear { n, k, weight, bias, adapter: None, slot: 0 })
    }

    /// A norm of a task's head.
    pub(super) fn new_norm(
        &mut self,
        name: Option<&str>,
        width: usize,
        norm: NormSpec,
    ) -> Result<Option<Norm>, ModelError> {
        let Some(name) = name else { return Ok(None) };
        let gain = Vector::Trained(self.new_tensor(&format!("{name}.weight"), &[width])?);
        let bias = if norm.bias {
            Vector::Trained(self.new_tensor(&format!("{name}.bias"), &[width])?)
        } else {
            Vector::Frozen(self.room.zeros(width))
        };
        Ok(Some(Norm { kind: norm.kind, eps: norm.eps, gain, bias }))
    }

    fn new_tensor(&mut self, name: &str, shape: &[usize]) -> Result<Range<usize>, ModelError> {
        self.note(name);
        let new = RandomWeights::new(HEAD_SEED, HEAD_DEVIATION);
        let values = match self.values(name, shape) {
            Ok(values) => values,
            // Of another number of labels, or none: a head for another task.
            Err(ModelError::MissingTensor { .. } | ModelError::ShapeMismatch { .. }) => {
                new.weight(name, shape)?.to_f32()
            }
            Err(error) => return Err(error),
        };
        Ok(self.params.add(self.method.key(name), shape, ParamKind::Head, &values))
    }

    pub(super) fn matrix(
        &mut self,
        module: &str,
        n: usize,
        k: usize,
        kind: ParamKind,
    ) -> Result<Matrix, ModelError> {
        let name = format!("{module}.weight");
        let weight = self.weight(&name, &[n, k])?;
        let key = self.trained(&name)?;
        let path = self.names.path(&name);
        self.modules.insert(path.strip_suffix(".weight").unwrap_or(path).to_owned());
        let takes = self.room.takes;
        let values = || if takes { weight.to_f32() } else { Vec::new() };
        let matrix = if let Some(key) = key {
            self.room.pass(n * k * size_of::<f32>());
            let range = self.params.add_as(key, &[n, k], kind, &values());
            Matrix::Trained(Trained { range, n, k })
        } else if let WeightData::Blocks { format, rows } = &weight.data
            && self.keep_blocks
        {
            self.room.blocks(self.pool, *format, rows, k)?
        } else {
            self.room.dense(self.pool, &values(), (n, k), self.frozen)
        };
        self.source.release(&name);
        Ok(matrix)
    }

    /// Rows of a matrix that other projections have the other rows of. If it is trained, it is one
    /// parameter, and each has its part of that.
    fn matrix_part(
        &mut self,
        module: &str,
        (first, total): (usize, usize),
        n: usize,
        k: usize,
    ) -> Result<Matrix, ModelError> {
        let name = format!("{module}.weight");
        if self.method.trains(&name) {
            let whole = self.shared(&name, &[total, k], ParamKind::Matrix)?;
            let range = whole.start + first * k..whole.start + (first + n) * k;
            return Ok(Matrix::Trained(Trained { range, n, k }));
        }
        let values = self.values(&name, &[total, k])?;
        let rows = values.get(first * k..(first + n) * k).unwrap_or_default();
        Ok(self.room.dense(self.pool, rows, (n, k), self.frozen))
    }

    fn bias_part(
        &mut self,
        module: &str,
        (first, total): (usize, usize),
        n: usize,
    ) -> Result<Vector, ModelError> {
        let name = format!("{module}.bias");
        if self.method.trains(&name) {
            let whole = self.shared(&name, &[total], ParamKind::Bias)?;
            return Ok(Vector::Trained(whole.start + first..whole.start + first + n));
        }
        let values = self.values(&name, &[total])?;
        self.room.count(n * size_of::<f32>());
        Ok(Vector::Frozen(values.get(first..first + n).unwrap_or_default().to_vec()))
    }

    /// The place of a parameter that several projections share; added by the first of them.
    fn shared(
        &mut self,
        name: &str,
        shape: &[usize],
        kind: ParamKind,
    ) -> Result<Range<usize>, ModelError> {
        let key = self.method.key(name);
        if let Some(range) = self.params.find(&key) {
            return Ok(range);
        }
        let values = self.values(name, shape)?;
        Ok(self.params.add(key, shape, kind, &values))
    }
}
