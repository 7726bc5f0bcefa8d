//! From an adapter folder's tensors to matrices.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use catena_kernels::{DenseMatrix, DenseType, Pool};

use super::place::{Columns, HEAD, Place, Product, columns};
use crate::adapter::{AdapterTensor, LoraAdapter};
use crate::checkpoint::{Layout, RowOrder, transpose};
use crate::decoder::Decoder;
use crate::families::Family;
use crate::tensors::nearest_name;
use crate::{ModelConfig, ModelError};

/// Largest rank of a pair: bounds the memory of a step.
pub const MAX_ADAPTER_RANK: usize = 1024;

/// A LoRA adapter, ready to run on the decoder that packed it.
pub struct Adapter {
    pairs: BTreeMap<Place, Vec<Pair>>,
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

/// The columns that one pair adds to, and for each its row of `B`.
struct Part {
    columns: Columns,
    rows: Vec<usize>,
}

impl Adapter {
    /// Bytes of the packed pairs.
    pub fn bytes(&self) -> usize {
        let pairs = self.pairs.values().flatten();
        let all = pairs.flat_map(|pair| [&pair.a_rk, &pair.b_nr]);
        let distinct: BTreeMap<_, _> =
            all.map(|matrix| (Arc::as_ptr(matrix), matrix.bytes())).collect();
        distinct.values().sum()
    }

    /// The largest rank of a pair.
    pub fn max_rank(&self) -> usize {
        self.max_rank
    }

    /// Whether it was packed for a decoder of this configuration.
    pub fn fits(&self, config: &ModelConfig) -> bool {
        self.config == *config
    }

    pub(super) fn pairs(&self, place: Place) -> &[Pair] {
        self.pairs.get(&place).map_or(&[], Vec::as_slice)
    }
}

impl Decoder {
    /// Packs an adapter in the decoder's type of float weights. Uses the calling thread only, so it
    /// may run beside a step.
    ///
    /// Names are those of `transformers`, whichever kind of file the base came from; a pair of a
    /// matrix that is several here (Phi-3's `qkv_proj`) is taken apart.
    ///
    /// # Errors
    /// It was made for another model, or changes what adapters cannot change here:
    /// [`ModelError::AdapterTarget`], [`ModelError::AdapterModule`], [`ModelError::AdapterPair`],
    /// [`ModelError::AdapterRank`], [`ModelError::ShapeMismatch`].
    pub fn pack_adapter(&self, adapter: &LoraAdapter) -> Result<Adapter, ModelError> {
        let targets: BTreeSet<String> = adapter.targets().into_iter().collect();
        let rules = Family::of_config(&self.config).huggingface;
        let layout = Layout::new(&self.config, &rules.iter(), &|name| targets.contains(name));
        let files = layout.files.iter();
        let files: HashMap<&str, &[String]> =
            files.map(|file| (file.name.as_str(), file.parts.as_slice())).collect();
        let pool = Pool::new(1);
        let mut pairs: BTreeMap<Place, Vec<Pair>> = BTreeMap::new();
        for name in &targets {
            let itself = std::slice::from_ref(name);
            let parts = match files.get(name.as_str()) {
                Some(parts) => *parts,
                // Tied to the embedding, which stays as it is.
                None if name == HEAD => itself,
                // Newer code calls some tensors otherwise than their files do, as the decoder does.
                None if layout.files.iter().any(|file| file.parts == itself) => itself,
                None => {
                    let nearest = nearest_name(name, files.keys().copied());
                    return Err(ModelError::AdapterTarget { name: name.clone(), nearest });
                }
            };
            let order = |part: &String| {
                layout.sources.get(part).map_or(RowOrder::InOrder { first: 0 }, |s| s.rows)
            };
            let all = parts.iter().flat_map(|part| {
                let part_of = |columns: Columns| {
                    let rows = columns.rows.clone().map(|row| order(part).place(row)).collect();
                    Part { columns, rows }
                };
                columns(self, part).into_iter().map(part_of).collect::<Vec<_>>()
            });
            let all: Vec<Part> = all.collect();
            if all.is_empty() {
                return Err(not_applied(name));
            }
            let parts = joined(all);
            for (place, pair) in self.pack_pairs(&pool, adapter, name, &parts)? {
                pairs.entry(place).or_default().push(pair);
            }
        }
        let max_rank = pairs.values().flatten().map(|pair| pair.a_rk.n()).max().unwrap_or(0);
        Ok(Adapter { pairs, max_rank, config: self.config.clone() })
    }

    /// The pairs of target `name`, one for each of `parts`.
    fn pack_pairs(
        &self,
        pool: &Pool,
        adapter: &LoraAdapter,
        name: &str,
        parts: &[Part],
    ) -> Result<Vec<(Place, Pair)>, ModelError> {
        let (key_a, key_b) = LoraAdapter::keys_of(name);
        let (a, b) = match (adapter.tensors.get(&key_a), adapter.tensors.get(&key_b)) {
            (Some(a), Some(b)) => (a, b),
            (Some(_), None) => {
                return Err(ModelError::AdapterPair { name: key_a, partner: key_b });
            }
            (None, _) => return Err(not_applied(name)),
        };
        let module = name.strip_suffix(".weight").unwrap_or(name);
        let rank = adapter.config.rank(module);
        if rank == 0 || rank > MAX_ADAPTER_RANK {
            let limit = MAX_ADAPTER_RANK;
            return Err(ModelError::AdapterRank { name: name.to_owned(), rank, limit });
        }
        let k = parts.first().map_or(0, |part| part.columns.k);
        let n: usize = parts.iter().map(|part| part.rows.len()).sum();
        check_shape(&key_a, a, [rank, k])?;
        check_shape(&key_b, b, [n, rank])?;
        let scale = adapter.config.scale(module, rank);
        // Which experts a row goes through is decided by small differences, as in the base.
        let routes = parts.iter().any(|part| part.columns.place.product == Product::Router);
        let dtype = if routes { DenseType::F32 } else { self.dense_type };
        let packed = |w_nk: &[f32], n, k| Arc::new(DenseMatrix::pack(pool, w_nk, n, k, dtype));
        let any = |turned: bool| parts.iter().any(|part| part.columns.turned == turned);
        let a_rk = any(false).then(|| packed(&a.data, rank, k));
        let a_kr = any(true).then(|| packed(&transpose(&a.data, rank), k, rank));
        let pack = |part: &Part| {
            let (n, first_column) = (part.rows.len(), part.columns.first);
            let rows = part.rows.iter().flat_map(|row| &b.data[row * rank..(row + 1) * rank]);
            #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
            let scaled: Vec<f32> = rows.map(|&b| (scale * f64::from(b)) as f32).collect();
            let shared = if part.columns.turned { &a_kr } else { &a_rk };
            let shared = Arc::clone(shared.as_ref().expect("packed for such parts"));
            let pair = if part.columns.turned {
                Pair { first_column, a_rk: packed(&transpose(&scaled, n), rank, n), b_nr: shared }
            } else {
                Pair { first_column, a_rk: shared, b_nr: packed(&scaled, n, rank) }
            };
            (part.columns.place, pair)
        };
        Ok(parts.iter().map(pack).collect())
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

fn check_shape(name: &str, tensor: &AdapterTensor, expected: [usize; 2]) -> Result<(), ModelError> {
    let whole = tensor.data.len() == expected[0] * expected[1];
    if whole && tensor.shape == expected {
        return Ok(());
    }
    let found = tensor.shape.clone();
    Err(ModelError::ShapeMismatch { name: name.to_owned(), found, expected: expected.to_vec() })
}
