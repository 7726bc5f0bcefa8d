//! First values of what stands beside projections.

use catena_kernels::AlignedBuf;
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
use super::params::ParamKind;
use super::pissa::{Pissa, pissa};
use super::prefix::PrefixConfig;
use super::room::Room;
use super::source::{generator, normals};
use super::spec::LayerSpec;
use crate::ModelError;

/// Before the path of a module, in PEFT's keys.
const PREFIX: &str = "base_model.model.";
/// PEFT's key of a prefix.
pub(super) const PROMPT: &str = "prompt_embeddings";

impl Loader<'_> {
    /// A weight without its principal part, and that part as the first values of its pair. The
    /// residual is held as other frozen floats are, also where the file has blocks.
    pub(super) fn split(
        &mut self,
        module: &str,
        (n, k): (usize, usize),
        pair: PairConfig,
    ) -> Result<(Matrix, Pissa), ModelError> {
        let name = format!("{module}.weight");
        let mut values = self.values(&name, &[n, k])?;
        self.source.release(&name);
        self.modules.insert(module.to_owned());
        if !self.room.takes {
            let first = Pissa { a_rk: Vec::new(), b_nr: Vec::new() };
            return Ok((self.room.dense(self.pool, &[], (n, k), self.frozen), first));
        }
        let niter = match pair.init {
            LoraInit::Pissa { niter } => niter,
            LoraInit::Kaiming | LoraInit::Gaussian => None,
        };
        let mut rng = generator(pair.seed, &name);
        let first = pissa(self.pool, &mut values, (n, k), (pair.r, pair.scale), niter, &mut rng);
        let residual = self.room.dense(self.pool, &values, (n, k), self.frozen);
        Ok((residual, first))
    }

    /// What stands beside a projection, with its first values.
    pub(super) fn adapter(
        &mut self,
        kind: AdapterKind,
        module: &str,
        weight: &Matrix,
        (n, k): (usize, usize),
        start: Option<Pissa>,
    ) -> Adapter {
        let vector = |loader: &mut Self, shape: [usize; 2]| {
            let (name, ones) = (format!("{PREFIX}{module}.ia3_l"), vec![1.0; shape[0] * shape[1]]);
            loader.params.add(name, &shape, ParamKind::LoraA, &ones)
        };
        match kind {
            AdapterKind::Pair(pair) => {
                let start = match start {
                    Some(start) => start,
                    None if self.room.takes => first_values(module, (n, k), pair),
                    None => Pissa { a_rk: Vec::new(), b_nr: Vec::new() },
                };
                Adapter::Lora(Box::new(self.pair(module, weight, (n, k), pair, &start)))
            }
            AdapterKind::OutputVector => {
                Adapter::Ia3(Ia3 { vector: vector(self, [n, 1]), of: Ia3Side::Output })
            }
            AdapterKind::InputVector => {
                Adapter::Ia3(Ia3 { vector: vector(self, [1, k]), of: Ia3Side::Input })
            }
        }
    }

    fn pair(
        &mut self,
        module: &str,
        weight: &Matrix,
        (n, k): (usize, usize),
        pair: PairConfig,
        start: &Pissa,
    ) -> Lora {
        let r = pair.r;
        let name = format!("{PREFIX}{module}.lora_A.weight");
        let a = self.params.add(name, &[r, k], ParamKind::LoraA, &start.a_rk);
        let name = format!("{PREFIX}{module}.lora_B.weight");
        let b = self.params.add(name, &[n, r], ParamKind::LoraB, &start.b_nr);
        let inner = AlignedBuf::default();
        let mut lora = Lora { n, k, r, scale: pair.scale, a, b, inner, dora: None };
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
            let name = format!("{PREFIX}{module}.lora_magnitude_vector");
            dora.magnitude = self.params.add(name, &[n], ParamKind::LoraA, &magnitudes);
            lora.dora = Some(dora);
        }
        lora
    }

    /// The prefix of all layers.
    pub(super) fn add_prefix(&mut self, config: &PrefixConfig, layers: &[LayerSpec]) {
        let stride: usize = layers.iter().map(|layer| 2 * layer.widths().1).sum();
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
    let mut rng = generator(pair.seed, &format!("{PREFIX}{module}.lora_A.weight"));
    let a_rk = match pair.init {
        LoraInit::Gaussian => normals(&mut rng, r * k, 1.0 / r as f32),
        LoraInit::Kaiming | LoraInit::Pissa { .. } => {
            let bound = 1.0 / (k as f32).sqrt();
            (0..r * k).map(|_| rng.random_range(-bound..bound)).collect()
        }
    };
    Pissa { a_rk, b_nr: vec![0.0; n * r] }
}
