//! First values of what stands beside projections.

use std::ops::Range;

use rand::Rng;

use super::dora::{Dora, NormScratch};
use super::error::TrainingError;
use super::ia3::{Ia3, Ia3Side};
use super::linear::Adapter;
use super::load::Loader;
use super::lora::Lora;
use super::lora_config::{LoraInit, PairConfig};
use super::matrix::Matrix;
use super::method::{ALL_LINEAR, AdapterKind, PROJECTIONS, is_target};
use super::names::{SavedForm, Target};
use super::params::ParamKind;
use super::pissa::{Pissa, pissa};
use super::prefix::PrefixConfig;
use super::room::Room;
use super::source::{generator, normals};
use super::spec::LayerSpec;
use crate::ModelError;
use crate::adapter::{IA3_VECTOR, LORA_A, LORA_B, MAGNITUDE, PREFIX, PROMPT};

impl Loader<'_> {
    /// A projection's weight without its principal part, which becomes the first values of the
    /// module's pair. The residual is held as other frozen floats are, also where the file has
    /// blocks.
    pub(super) fn residual(
        &mut self,
        target: &Target,
        (n, k): (usize, usize),
        pair: PairConfig,
    ) -> Result<Matrix, ModelError> {
        if !self.residuals.contains_key(&target.path) {
            let residual = self.split(target, k, pair)?;
            self.residuals.insert(target.path.clone(), residual);
        }
        let residual = &self.residuals[&target.path];
        let rows = residual.get(target.first * k..(target.first + n) * k).unwrap_or_default();
        let matrix = self.room.dense(self.pool, rows, (n, k), self.frozen);
        if target.first + n == target.total {
            self.residuals.remove(&target.path);
        }
        Ok(matrix)
    }

    /// Takes the principal part out of all rows of a module, which are returned.
    fn split(
        &mut self,
        target: &Target,
        k: usize,
        pair: PairConfig,
    ) -> Result<Vec<f32>, ModelError> {
        let n = target.total;
        let mut values = Vec::new();
        for (name, rows) in target.weights.iter().zip(&target.rows) {
            values.extend(self.values(name, &[*rows, k])?);
            self.source.release(name);
        }
        self.modules.insert(target.path.clone());
        let mut first = Pissa { a_rk: Vec::new(), b_nr: Vec::new() };
        if self.room.takes {
            let niter = match pair.init {
                LoraInit::Pissa { niter } => niter,
                LoraInit::Kaiming | LoraInit::Gaussian => None,
            };
            let mut rng = generator(pair.seed, &format!("{}.weight", target.path));
            let shape = (pair.r, pair.scale);
            first = pissa(self.pool, &mut values, (n, k), shape, niter, &mut rng);
        }
        self.add_pair(target, k, pair, &first);
        Ok(values)
    }

    /// What stands beside a projection, with its first values.
    pub(super) fn adapter(
        &mut self,
        kind: AdapterKind,
        target: &Target,
        weight: &Matrix,
        (n, k): (usize, usize),
    ) -> Adapter {
        let name = || format!("{PREFIX}{}{IA3_VECTOR}", target.path);
        match kind {
            AdapterKind::Pair(pair) => {
                Adapter::Lora(Box::new(self.pair(target, weight, (n, k), pair)))
            }
            AdapterKind::OutputVector => {
                let (first, form) = (target.first, target.form.clone());
                let all = self.beside((name(), form), &[target.total, 1], 1.0);
                let vector = all.start + first..all.start + first + n;
                Adapter::Ia3(Ia3 { vector, of: Ia3Side::Output })
            }
            AdapterKind::InputVector => {
                let vector = self.beside((name(), SavedForm::default()), &[1, k], 1.0);
                Adapter::Ia3(Ia3 { vector, of: Ia3Side::Input })
            }
        }
    }

    /// Factors of the module, all the same at first; added for the first of its projections.
    fn beside(
        &mut self,
        (name, form): (String, SavedForm),
        shape: &[usize],
        value: f32,
    ) -> Range<usize> {
        if let Some(range) = self.params.find(&name) {
            return range;
        }
        let len = if self.room.takes { shape.iter().product() } else { 0 };
        self.params.add_as((name, form), shape, ParamKind::LoraA, &vec![value; len])
    }

    /// Adds the pair of a module with its first values.
    fn add_pair(&mut self, target: &Target, k: usize, pair: PairConfig, first: &Pissa) {
        let r = pair.r;
        let name = format!("{PREFIX}{}{LORA_A}", target.path);
        self.params.add(name, &[r, k], ParamKind::LoraA, &first.a_rk);
        let name = (format!("{PREFIX}{}{LORA_B}", target.path), target.form.clone());
        self.params.add_as(name, &[target.total, r], ParamKind::LoraB, &first.b_nr);
    }

    /// The places of a module's pair, which all of its projections share.
    fn places(&mut self, target: &Target, k: usize, pair: PairConfig) -> [Range<usize>; 2] {
        let find = |loader: &Self| {
            let of = |half| loader.params.find(&format!("{PREFIX}{}{half}", target.path));
            Some([of(LORA_A)?, of(LORA_B)?])
        };
        if let Some(places) = find(self) {
            return places;
        }
        let first = if self.room.takes {
            first_values(&target.path, (target.total, k), pair)
        } else {
            Pissa { a_rk: Vec::new(), b_nr: Vec::new() }
        };
        self.add_pair(target, k, pair, &first);
        find(self).expect("the pair was just added")
    }

    /// A projection's part of its module's pair: the whole first matrix, and its rows of the second.
    fn pair(
        &mut self,
        target: &Target,
        weight: &Matrix,
        (n, k): (usize, usize),
        pair: PairConfig,
    ) -> Lora {
        let r = pair.r;
        let [a, all] = self.places(target, k, pair);
        let b = all.start + target.first * r..all.start + (target.first + n) * r;
        let mut lora = Lora { n, k, r, scale: pair.scale, a, b, dora: None };
        if pair.use_dora {
            let (mut dora, mut magnitudes) = (Dora::default(), Vec::new());
            self.room.count(n * Dora::BYTES_PER_ROW);
            if self.room.takes {
                let mut scratch = NormScratch::new(&mut Room::new(true), self.dtype, r, n.max(k));
                let values = std::mem::take(&mut self.params.values);
                let view = lora.view(weight.get(&values), &values);
                (dora, magnitudes) = Dora::new(self.pool, view, &mut scratch);
                self.params.values = values;
            }
            let name = format!("{PREFIX}{}{MAGNITUDE}", target.path);
            let all = self.beside((name, target.form.clone()), &[target.total], 0.0);
            dora.magnitude = all.start + target.first..all.start + target.first + n;
            if self.room.takes {
                self.params.values[dora.magnitude.clone()].copy_from_slice(&magnitudes);
            }
            lora.dora = Some(dora);
        }
        lora
    }

    /// The prefix of all layers.
    pub(super) fn add_prefix(&mut self, config: &PrefixConfig, layers: &[LayerSpec]) {
        let width = |layer: &LayerSpec| layer.widths().keys + layer.widths().values;
        let stride: usize = layers.iter().map(width).sum();
        let len = config.num_virtual_tokens * stride;
        let values = if config.zero_init || !self.room.takes {
            vec![0.0; if self.room.takes { len } else { 0 }]
        } else {
            normals(&mut generator(config.seed, PROMPT), len, 1.0)
        };
        let shape = [config.num_virtual_tokens, stride];
        let all = self.params.add(PROMPT.to_owned(), &shape, ParamKind::Embedding, &values);
        self.prefix = Some((all, stride));
    }

    /// Refuses names that fit no module. A projection that some families do not have is passed
    /// over, as the other families need it in the same list.
    pub(super) fn check_names(&self) -> Result<(), TrainingError> {
        let seen = |name: &str| self.projections.iter().any(|m| is_target(&[name.to_owned()], m));
        let passed_over = |name: &str| name == ALL_LINEAR || PROJECTIONS.contains(&name);
        let targets = self.method.targets();
        for name in targets.iter().filter(|name| !seen(name)) {
            if let Some(module) = self.names.renamed(name) {
                let (name, module) = (name.clone(), module.to_owned());
                return Err(TrainingError::RenamedTarget { name, module });
            }
        }
        // Those that are passed over must not be all that there are.
        let unknown = targets.iter().find(|name| !passed_over(name) && !seen(name));
        let none = targets.first().filter(|_| !targets.iter().any(|name| seen(name)));
        if let Some(name) = unknown.or(none) {
            let last = |module: &String| module.rsplit('.').next().map(str::to_owned);
            let mut known: Vec<String> = self.projections.iter().filter_map(last).collect();
            known.sort();
            known.dedup();
            return Err(TrainingError::UnknownTarget { name: name.clone(), known });
        }
        let adapted = self.projections.iter().any(|module| self.method.adapter(module).is_some());
        if !targets.is_empty() && !adapted {
            return Err(TrainingError::NothingTrained);
        }
        let mut whole = self.method.modules_to_save().iter();
        let is_there = |name: &String| self.modules.iter().any(|module| module.ends_with(name));
        match whole.find(|name| !is_there(name)) {
            Some(name) => Err(TrainingError::UnknownModule { name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// First values as PEFT draws them: A uniform within `1 / sqrt(fan_in)` (Kaiming with
/// `a = sqrt(5)`) or normal, B zero. The numbers are our generator's, not PyTorch's.
fn first_values(module: &str, (n, k): (usize, usize), pair: PairConfig) -> Pissa {
    let r = pair.r;
    let mut rng = generator(pair.seed, &format!("{PREFIX}{module}{LORA_A}"));
    let a_rk = match pair.init {
        LoraInit::Gaussian => normals(&mut rng, r * k, 1.0 / r as f32),
        LoraInit::Kaiming | LoraInit::Pissa { .. } => {
            let bound = 1.0 / (k as f32).sqrt();
            (0..r * k).map(|_| rng.random_range(-bound..bound)).collect()
        }
    };
    Pissa { a_rk, b_nr: vec![0.0; n * r] }
}
