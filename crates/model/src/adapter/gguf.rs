//! LoRA pairs in llama.cpp's format for adapters.
//!
//! | key or tensor | content |
//! |---|---|
//! | `general.type`, `adapter.type` | `adapter`, `lora` |
//! | `general.architecture` | that of the base |
//! | `adapter.lora.alpha` | numerator of the scale, whose denominator is each pair's rank |
//! | `<tensor of the base>.lora_a`, `.lora_b` | `A` `[r, in]`, `B` `[out, r]` with rows as the base's |
//! | the same, of all experts in one | `[experts, r, in]`, `[experts, out, r]` |
//!
//! # Source
//! `convert_lora_to_gguf.py` and `llama-adapter.cpp` of llama.cpp. Of GPT-2's fused matrix the script
//! writes the pair turned around, which no reader takes; scales of their own, which the format has
//! not, it drops. Here the pair stands as the base's tensor does, and scales go into `B`.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::change::{AdapterTensor, Change, module_of};
use super::config::{LoraAdapterConfig, TargetModules};
use super::modules::Modules;
use super::peft::{PeftAdapter, PeftConfig};
use crate::ModelConfig;
use crate::checkpoint::{FileTensor, Layout, RowOrder, Source};
use crate::error::ModelError;
use crate::export::{FloatType, float_bytes, gguf_layout};
use crate::families::architecture;
use crate::gguf::{GgmlType, GgufFile, GgufWriter, MetaValue};
use crate::tensors::nearest_name;

const ALPHA: &str = "adapter.lora.alpha";
const A: &str = ".lora_a";
const B: &str = ".lora_b";

/// A pair as one kind of file has it.
struct Pair<'a> {
    a: &'a [f32],
    b: &'a [f32],
    rank: usize,
    /// What `B A` is multiplied by.
    scale: f64,
}

/// Where a tensor of the decoder stands in a pair.
struct Place {
    /// The pair, by its number.
    pair: usize,
    rows: RowOrder,
}

/// A pair put together for a tensor of the other kind of file.
struct Grouped {
    a: Vec<f32>,
    b: Vec<f32>,
    rank: usize,
}

/// Writes a LoRA adapter for a base of this configuration as a GGUF file that llama.cpp loads beside
/// the base's.
///
/// # Errors
/// [`ModelError::AdapterNotGguf`] for what the format does not have: magnitudes, vectors, prefixes,
/// whole modules, pairs of latent attention's keys; an adapter for another model; from the file
/// system.
pub fn write_gguf_adapter(
    path: &Utf8Path,
    adapter: &PeftAdapter,
    config: &ModelConfig,
) -> Result<(), ModelError> {
    let PeftConfig::Lora(lora) = &adapter.config else {
        return Err(ModelError::AdapterNotGguf { what: "vectors or a prefix" });
    };
    let targets = adapter.targets();
    let modules = Modules::new(config, &targets);
    let (mut pairs, mut places) = (Vec::new(), BTreeMap::new());
    for target in &targets {
        let (a, b, scale) = match adapter.change(target) {
            Some(Change::Pair { a, b, scale, magnitude: None }) => (a, b, scale),
            Some(Change::Pair { .. }) => {
                return Err(ModelError::AdapterNotGguf { what: "magnitudes" });
            }
            Some(Change::Whole(_) | Change::Outputs(_) | Change::Inputs(_)) | None => {
                return Err(ModelError::AdapterNotGguf { what: "modules saved whole" });
            }
        };
        let parts = modules.parts(target)?;
        let n = parts.iter().map(super::ModulePart::rows).sum();
        let k = parts.first().map_or(0, super::ModulePart::columns);
        let change = Change::Pair { a, b, scale, magnitude: None };
        change.check(target, lora.rank(module_of(target)), (n, k))?;
        for part in parts {
            if part.source.transposed_heads.is_some() {
                let what =
                    "one of latent attention's keys, which the base's GGUF file has transposed";
                return Err(ModelError::AdapterNotGguf { what });
            }
            places.insert(part.name, Place { pair: pairs.len(), rows: part.source.rows });
        }
        pairs.push(Pair { a: &a.data, b: &b.data, rank: a.shape[0], scale });
    }
    let layout = gguf_layout(config);
    let mut written = Vec::new();
    for file in &layout.files {
        if let Some(pair) = grouped(&layout, file, &pairs, &places, lora.lora_alpha)? {
            written.push((file.name.clone(), file.shape.clone(), pair));
        }
    }
    write(path, config, lora.lora_alpha, &written)
}

/// The pair of a tensor of a file, if any of its parts has one.
///
/// Pairs of several targets stand side by side: each has its own part of the rank.
fn grouped(
    layout: &Layout,
    file: &FileTensor,
    pairs: &[Pair<'_>],
    places: &BTreeMap<String, Place>,
    alpha: f64,
) -> Result<Option<Grouped>, ModelError> {
    let there = file.parts.iter().filter_map(|part| Some((part, places.get(part)?)));
    let there: Vec<_> = there.collect();
    let chosen: BTreeSet<usize> = there.iter().map(|(_, place)| place.pair).collect();
    if chosen.is_empty() {
        return Ok(None);
    }
    if let (true, &[_, n, columns]) = (is_of_experts(file), &file.shape[..]) {
        return Ok(Some(stacked(layout, (n, columns), pairs, &there, (file.parts.len(), alpha))));
    }
    let sources = file.parts.iter().map(|part| &layout.sources[part].shape);
    let (rows, columns) = match (sources.clone().next().map(Vec::as_slice), file.shape.len()) {
        (Some(&[_, columns]), 2) => (sources.map(|shape| shape[0]).sum::<usize>(), columns),
        _ => return Err(ModelError::AdapterModule { name: file.name.clone() }),
    };
    let rank: usize = chosen.iter().map(|&pair| pairs[pair].rank).sum();
    let mut grouped = Grouped { a: Vec::new(), b: vec![0.0; rows * rank], rank };
    let mut firsts = BTreeMap::new();
    for &pair in &chosen {
        firsts.insert(pair, grouped.a.len() / columns);
        grouped.a.extend_from_slice(pairs[pair].a);
    }
    for (part, place) in there {
        let (source, pair) = (&layout.sources[part], &pairs[place.pair]);
        if source.transposed_heads.is_some() {
            return Err(ModelError::AdapterModule { name: file.name.clone() });
        }
        let factor = pair.scale * rank as f64 / alpha;
        grouped.put_rows(source, firsts[&place.pair], (pair, place), factor);
    }
    Ok(Some(grouped))
}

/// Whether a tensor holds a matrix for each expert.
fn is_of_experts(file: &FileTensor) -> bool {
    file.shape.len() == 3 && file.parts.iter().all(|part| part.contains(".experts."))
}

/// The pairs of all experts in one, zero for those without and where a rank is smaller.
fn stacked(
    layout: &Layout,
    (n, columns): (usize, usize),
    pairs: &[Pair<'_>],
    there: &[(&String, &Place)],
    (experts, alpha): (usize, f64),
) -> Grouped {
    let ranks = there.iter().map(|(_, place)| pairs[place.pair].rank);
    let rank = ranks.max().unwrap_or(1);
    let zeros = |len: usize| vec![0.0; experts * len];
    let mut grouped = Grouped { a: zeros(rank * columns), b: zeros(n * rank), rank };
    for &(part, place) in there {
        let (source, pair) = (&layout.sources[part], &pairs[place.pair]);
        let first = source.rows.place(0) / n * rank * columns;
        grouped.a[first..first + pair.a.len()].copy_from_slice(pair.a);
        grouped.put_rows(source, 0, (pair, place), pair.scale * rank as f64 / alpha);
    }
    grouped
}

impl Grouped {
    /// Puts the rows of a pair's second half to where they stand, from a column on.
    fn put_rows(
        &mut self,
        source: &Source,
        first: usize,
        (pair, place): (&Pair<'_>, &Place),
        factor: f64,
    ) {
        for row in 0..source.shape[0] {
            let to = source.rows.place(row) * self.rank + first;
            let from = &pair.b[place.rows.place(row) * pair.rank..][..pair.rank];
            for (to, &from) in self.b[to..].iter_mut().zip(from) {
                #[expect(clippy::cast_possible_truncation, reason = "stored as f32")]
                let scaled = (factor * f64::from(from)) as f32;
                *to = scaled;
            }
        }
    }
}

fn write(
    path: &Utf8Path,
    config: &ModelConfig,
    alpha: f64,
    pairs: &[(String, Vec<usize>, Grouped)],
) -> Result<(), ModelError> {
    let mut writer = GgufWriter::new();
    writer.set("general.architecture", MetaValue::from(architecture(config)));
    writer.set("general.type", MetaValue::from("adapter"));
    writer.set("adapter.type", MetaValue::from("lora"));
    writer.set("general.name", MetaValue::from(path.file_stem().unwrap_or("adapter")));
    #[expect(clippy::cast_possible_truncation, reason = "the format has f32")]
    writer.set(ALPHA, MetaValue::F32(alpha as f32));
    writer.set("general.quantization_version", MetaValue::U32(2));
    let mut values = BTreeMap::new();
    for (name, shape, pair) in pairs {
        let (stack, matrix) = shape.split_at(shape.len() - 2);
        for (end, tail, data) in
            [(A, [pair.rank, matrix[1]], &pair.a), (B, [matrix[0], pair.rank], &pair.b)]
        {
            let shape = [stack, &tail[..]].concat();
            let name = format!("{name}{end}");
            writer.add_tensor(&name, &shape, GgmlType::F32);
            values.insert(name, data);
        }
    }
    writer.write(path, |name| Ok(float_bytes(values[name], FloatType::F32)))
}

/// Reads a GGUF file with an adapter for a base of this configuration, as PEFT would have it.
///
/// # Errors
/// It holds no adapter, or one for another architecture; a pair is not whole, or is none of the
/// base's tensors'.
pub fn read_gguf_adapter(path: &Utf8Path, config: &ModelConfig) -> Result<PeftAdapter, ModelError> {
    let file = GgufFile::open(path)?;
    check_keys(&file, config)?;
    let alpha = file.metadata(ALPHA).and_then(MetaValue::as_f32).unwrap_or_default();
    let alpha = if alpha > 0.0 { Some(f64::from(alpha)) } else { None };
    let layout = gguf_layout(config);
    let read = read_pairs(&file, &layout)?;
    let (mut pairs, mut places) = (Vec::new(), BTreeMap::new());
    for (tensor, a, b) in &read {
        let rank = a.shape[a.shape.len() - 2];
        // Without an alpha llama.cpp does not scale.
        let scale = alpha.map_or(1.0, |alpha| alpha / rank as f64);
        if is_of_experts(tensor) {
            let each = |data: &AdapterTensor| data.data.len() / tensor.parts.len();
            let halves = a.data.chunks_exact(each(a)).zip(b.data.chunks_exact(each(b)));
            for (part, (a, b)) in tensor.parts.iter().zip(halves) {
                // An expert without a pair has zeros.
                if a.iter().chain(b).any(|&value| value != 0.0) {
                    let rows = RowOrder::InOrder { first: 0 };
                    places.insert(part.clone(), Place { pair: pairs.len(), rows });
                    pairs.push(Pair { a, b, rank, scale });
                }
            }
            continue;
        }
        for part in &tensor.parts {
            let source = &layout.sources[part];
            if source.transposed_heads.is_some() || tensor.shape.len() != 2 {
                return Err(ModelError::AdapterModule { name: tensor.name.clone() });
            }
            places.insert(part.clone(), Place { pair: pairs.len(), rows: source.rows });
        }
        pairs.push(Pair { a: &a.data, b: &b.data, rank, scale });
    }
    let r = pairs.first().map_or(1, |pair| pair.rank);
    let alpha = alpha.unwrap_or(r as f64);
    let names = Modules::new(config, &[]).into_layout();
    let mut lora = LoraAdapterConfig::new(r, alpha, Vec::new());
    let (mut tensors, mut targets) = (BTreeMap::new(), Vec::new());
    for file in &names.files {
        let Some(pair) = grouped(&names, file, &pairs, &places, alpha)? else { continue };
        let module = module_of(&file.name);
        let (key_a, key_b) = PeftAdapter::keys_of(&file.name);
        let a = AdapterTensor { shape: vec![pair.rank, pair.a.len() / pair.rank], data: pair.a };
        let b = AdapterTensor { shape: vec![pair.b.len() / pair.rank, pair.rank], data: pair.b };
        tensors.extend([(key_a, a), (key_b, b)]);
        targets.push(module.to_owned());
        if pair.rank != r {
            lora.rank_pattern.insert(module.to_owned(), pair.rank);
        }
    }
    lora.target_modules = Some(TargetModules::Names(targets));
    Ok(PeftAdapter { config: PeftConfig::Lora(Box::new(lora)), tensors })
}

/// Refuses what is no LoRA adapter for the base.
fn check_keys(file: &GgufFile, config: &ModelConfig) -> Result<(), ModelError> {
    let expected = [
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
        ("general.architecture", architecture(config)),
    ];
    for (key, expected) in expected {
        let found = file.metadata(key).and_then(MetaValue::as_str).unwrap_or_default();
        if found != expected {
            let (path, found) = (file.path().to_owned(), found.to_owned());
            return Err(ModelError::NotAnAdapter { path, key, found, expected });
        }
    }
    Ok(())
}

type ReadPair<'a> = (&'a FileTensor, AdapterTensor, AdapterTensor);

/// The pairs of a file with the tensors of the base that they belong to.
fn read_pairs<'a>(file: &GgufFile, layout: &'a Layout) -> Result<Vec<ReadPair<'a>>, ModelError> {
    let mut pairs = Vec::new();
    for tensor in file.tensors() {
        let name = &tensor.name;
        let unknown = || ModelError::UnknownAdapterTensor { name: name.clone() };
        if let Some(base) = name.strip_suffix(B) {
            if file.tensor(&format!("{base}{A}")).is_none() {
                let partner = format!("{base}{A}");
                return Err(ModelError::AdapterPair { name: name.clone(), partner });
            }
            continue;
        }
        let base = name.strip_suffix(A).ok_or_else(unknown)?;
        let partner = format!("{base}{B}");
        let Some(second) = file.tensor(&partner) else {
            return Err(ModelError::AdapterPair { name: name.clone(), partner });
        };
        let Some(of) = layout.files.iter().find(|file| file.name == base) else {
            let nearest = nearest_name(base, layout.files.iter().map(|file| file.name.as_str()));
            return Err(ModelError::AdapterTarget { name: base.to_owned(), nearest });
        };
        let (stack, n, k) = match of.shape[..] {
            [n, k] => (&of.shape[..0], n, k),
            [_, n, k] if is_of_experts(of) => (&of.shape[..1], n, k),
            _ => return Err(ModelError::AdapterModule { name: base.to_owned() }),
        };
        let rank = tensor.shape.iter().rev().nth(1).copied().unwrap_or(0);
        let read = |name: &str, found: &[usize], tail: [usize; 2]| -> Result<_, ModelError> {
            let expected = [stack, &tail[..]].concat();
            if found == expected && rank > 0 {
                return Ok(AdapterTensor { shape: expected, data: file.values(name)? });
            }
            let (name, found) = (name.to_owned(), found.to_vec());
            Err(ModelError::ShapeMismatch { name, found, expected })
        };
        let a = read(name, &tensor.shape, [rank, k])?;
        pairs.push((of, a, read(&partner, &second.shape, [n, rank])?));
    }
    Ok(pairs)
}
