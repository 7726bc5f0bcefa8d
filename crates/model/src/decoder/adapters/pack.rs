//! From an adapter folder's tensors to matrices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catena_kernels::{DenseMatrix, DenseType, Pool};

use super::place::{Columns, HEAD, Place, Product, columns, linear};
use super::prefix::Prefix;
use super::scale::{Scale, magnitudes};
use crate::adapter::{Change, ModulePart, Modules, PeftAdapter, PeftConfig, module_of};
use crate::checkpoint::transpose;
use crate::decoder::Decoder;
use crate::{ModelConfig, ModelError};

/// Largest rank of a pair: bounds the memory of a step.
pub const MAX_ADAPTER_RANK: usize = 1024;

/// An adapter, ready to run on the decoder that packed it.
pub struct Adapter {
    pairs: BTreeMap<Place, Vec<Pair>>,
    /// Factors of what the base's products give, or get.
    outputs: BTreeMap<Place, Vec<Scale>>,
    inputs: BTreeMap<Place, Vec<f32>>,
    prefix: Option<Prefix>,
    max_rank: usize,
    /// Of the decoder.
    config: ModelConfig,
}

/// What is added to some columns of a product. One of the matrices may be that of other pairs too,
/// the other has the scale.
pub(super) struct Pair {
    pub(super) first_column: usize,
    pub(super) a_rk: Arc<DenseMatrix>,
    pub(super) b_nr: Arc<DenseMatrix>,
}

/// The columns that one target makes or changes, and for each its row of the target.
pub(super) struct Part {
    pub(super) columns: Columns,
    pub(super) rows: Vec<usize>,
}

impl Adapter {
    /// Bytes of the packed pairs and vectors.
    pub fn bytes(&self) -> usize {
        let pairs = self.pairs.values().flatten();
        let all = pairs.flat_map(|pair| [&pair.a_rk, &pair.b_nr]);
        let distinct: BTreeMap<_, _> =
            all.map(|matrix| (Arc::as_ptr(matrix), matrix.bytes())).collect();
        let outputs = self.outputs.values().flatten().map(|scale| 2 * scale.factors.len());
        let inputs = self.inputs.values().map(Vec::len);
        let vectors: usize = outputs.chain(inputs).sum();
        let prefix = self.prefix.as_ref().map_or(0, Prefix::bytes);
        distinct.values().sum::<usize>() + vectors * size_of::<f32>() + prefix
    }

    /// The largest rank of a pair.
    pub fn max_rank(&self) -> usize {
        self.max_rank
    }

    /// Whether it was packed for a decoder of this configuration.
    pub fn fits(&self, config: &ModelConfig) -> bool {
        self.config == *config
    }

    /// Tokens that its prefix stands in the place of: every sequence with this adapter begins with as
    /// many of any kind, whose logits mean nothing. 0 if it has none.
    pub fn virtual_tokens(&self) -> usize {
        self.prefix.as_ref().map_or(0, Prefix::tokens)
    }

    pub(super) fn prefix(&self) -> Option<&Prefix> {
        self.prefix.as_ref()
    }

    /// Whether it scales what a product gives.
    pub(super) fn scales(&self, place: Place) -> bool {
        self.outputs.contains_key(&place)
    }

    /// Whether it scales anything.
    pub(super) fn has_scales(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(super) fn pairs(&self, place: Place) -> &[Pair] {
        self.pairs.get(&place).map_or(&[], Vec::as_slice)
    }

    pub(super) fn outputs(&self, place: Place) -> &[Scale] {
        self.outputs.get(&place).map_or(&[], Vec::as_slice)
    }

    pub(super) fn inputs(&self, place: Place) -> Option<&[f32]> {
        self.inputs.get(&place).map(Vec::as_slice)
    }
}

impl Decoder {
    /// Packs an adapter in the decoder's type of float weights. Uses the calling thread only, so it
    /// may run beside a step; of an adapter with magnitudes it reads the weights of all its modules.
    ///
    /// Names are those of `transformers`, whichever kind of file the base came from; a pair of a
    /// matrix that is several here (Phi-3's `qkv_proj`) is taken apart.
    ///
    /// # Errors
    /// It was made for another model, or changes what adapters cannot change here:
    /// [`ModelError::AdapterTarget`], [`ModelError::AdapterModule`], [`ModelError::AdapterPair`],
    /// [`ModelError::AdapterRank`], [`ModelError::ShapeMismatch`].
    pub fn pack_adapter(&self, adapter: &PeftAdapter) -> Result<Adapter, ModelError> {
        let targets: BTreeSet<String> = adapter.targets().into_iter().collect();
        let listed: Vec<String> = targets.iter().cloned().collect();
        let modules = Modules::new(&self.config, &listed);
        let mut packed = Adapter {
            pairs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            inputs: BTreeMap::new(),
            prefix: Prefix::of(self, adapter)?,
            max_rank: 0,
            config: self.config.clone(),
        };
        let pool = Pool::new(1);
        for name in &targets {
            let parts = match modules.find(name) {
                Some(parts) => parts.iter().flat_map(|part| self.part(part)).collect(),
                // Tied to the embedding, which stays as it is.
                None if name == HEAD => self.rows_in_order(name),
                None => modules.parts(name).map(|_| Vec::new())?,
            };
            if parts.is_empty() {
                return Err(not_applied(name));
            }
            let change = adapter.change(name).ok_or_else(|| lacks_half(adapter, name))?;
            self.pack_change(&pool, &mut packed, adapter, (name, change), joined(parts))?;
        }
        let pairs = packed.pairs.values().flatten();
        packed.max_rank = pairs.map(|pair| pair.a_rk.n()).max().unwrap_or(0);
        Ok(packed)
    }

    /// The columns that one of the decoder's tensors makes, with its rows in the target.
    fn part(&self, part: &ModulePart) -> Vec<Part> {
        let of = |columns: Columns| {
            let rows = columns.rows.clone().map(|row| part.place(row)).collect();
            Part { columns, rows }
        };
        columns(self, &part.name).into_iter().map(of).collect()
    }

    fn rows_in_order(&self, name: &str) -> Vec<Part> {
        let of = |columns: Columns| {
            let rows = columns.rows.clone().collect();
            Part { columns, rows }
        };
        columns(self, name).into_iter().map(of).collect()
    }

    /// Enters what an adapter does to target `name`.
    fn pack_change(
        &self,
        pool: &Pool,
        packed: &mut Adapter,
        adapter: &PeftAdapter,
        (name, change): (&str, Change<'_>),
        parts: Vec<Part>,
    ) -> Result<(), ModelError> {
        let rank = match &adapter.config {
            PeftConfig::Lora(config) => config.rank(module_of(name)),
            PeftConfig::Ia3(_) | PeftConfig::Prefix(_) => 1,
        };
        if rank == 0 || rank > MAX_ADAPTER_RANK {
            let limit = MAX_ADAPTER_RANK;
            return Err(ModelError::AdapterRank { name: name.to_owned(), rank, limit });
        }
        let k = parts.first().map_or(0, |part| part.columns.k);
        let n: usize = parts.iter().map(|part| part.rows.len()).sum();
        change.check(name, rank, (n, k))?;
        let turned = parts.iter().any(|part| part.columns.turned);
        match change {
            Change::Pair { magnitude: None, .. } => {
                self.pack_pairs(pool, packed, change, &parts, None);
            }
            Change::Pair { magnitude: Some(_), .. } if !turned => {
                let mut factors = Vec::with_capacity(parts.len());
                for part in &parts {
                    let base = linear(self, part.columns.place).ok_or_else(|| not_applied(name))?;
                    let scale = magnitudes(base, part, change);
                    factors.push(scale.factors.clone());
                    packed.outputs.entry(part.columns.place).or_default().push(scale);
                }
                self.pack_pairs(pool, packed, change, &parts, Some(&factors));
            }
            Change::Outputs(vector) if !turned => {
                for part in parts {
                    let factors: Vec<f32> = part.rows.iter().map(|&row| vector.data[row]).collect();
                    let shifts = vec![0.0; factors.len()];
                    let scale = Scale { first_column: part.columns.first, factors, shifts };
                    packed.outputs.entry(part.columns.place).or_default().push(scale);
                }
            }
            Change::Inputs(vector) => {
                for part in parts {
                    let place = part.columns.place;
                    if !matches!(place.product, Product::O | Product::Down(_)) {
                        return Err(not_applied(name));
                    }
                    packed.inputs.insert(place, vector.data.clone());
                }
            }
            Change::Pair { .. } | Change::Outputs(_) | Change::Whole(_) => {
                return Err(not_applied(name));
            }
        }
        Ok(())
    }

    /// Packs a pair for each of `parts`, whose rows have these factors besides the scale.
    fn pack_pairs(
        &self,
        pool: &Pool,
        packed: &mut Adapter,
        change: Change<'_>,
        parts: &[Part],
        factors: Option<&[Vec<f32>]>,
    ) {
        let Change::Pair { a, b, scale, .. } = change else { return };
        let (rank, k) = (a.shape[0], a.shape[1]);
        // Which experts a row goes through is decided by small differences, as in the base.
        let routes = parts.iter().any(|part| part.columns.place.product == Product::Router);
        let dtype = if routes { DenseType::F32 } else { self.dense_type };
        let matrix = |w_nk: &[f32], n, k| Arc::new(DenseMatrix::pack(pool, w_nk, n, k, dtype));
        let any = |turned: bool| parts.iter().any(|part| part.columns.turned == turned);
        let a_rk = any(false).then(|| matrix(&a.data, rank, k));
        let a_kr = any(true).then(|| matrix(&transpose(&a.data, rank), k, rank));
        for (idx, part) in parts.iter().enumerate() {
            let (n, first_column) = (part.rows.len(), part.columns.first);
            let factor = |row: usize| factors.map_or(1.0, |all| f64::from(all[idx][row]));
            let rows = part.rows.iter().enumerate().flat_map(|(own, row)| {
                let scale = scale * factor(own);
                b.data[row * rank..(row + 1) * rank].iter().map(move |&b| scale * f64::from(b))
            });
            #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
            let scaled: Vec<f32> = rows.map(|b| b as f32).collect();
            let shared = if part.columns.turned { &a_kr } else { &a_rk };
            let shared = Arc::clone(shared.as_ref().expect("packed for such parts"));
            let pair = if part.columns.turned {
                Pair { first_column, a_rk: matrix(&transpose(&scaled, n), rank, n), b_nr: shared }
            } else {
                Pair { first_column, a_rk: shared, b_nr: matrix(&scaled, n, rank) }
            };
            packed.pairs.entry(part.columns.place).or_default().push(pair);
        }
    }
}

/// Parts whose columns follow on one another as one part: one product instead of several.
fn joined(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by_key(|part| (part.columns.place, part.columns.first));
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last)
                if last.columns.place == part.columns.place
                    && last.columns.first + last.rows.len() == part.columns.first =>
            {
                last.rows.extend(part.rows);
            }
            _ => joined.push(part),
        }
    }
    joined
}

fn not_applied(name: &str) -> ModelError {
    ModelError::AdapterModule { name: name.to_owned() }
}

/// What is wrong with a pair that is not whole.
fn lacks_half(adapter: &PeftAdapter, name: &str) -> ModelError {
    let (key_a, key_b) = PeftAdapter::keys_of(name);
    if adapter.tensors.contains_key(&key_b) {
        not_applied(name)
    } else {
        ModelError::AdapterPair { name: key_a, partner: key_b }
    }
}
