//! The formats known, by name.

use super::shard::ShardWriter;
use super::width::TokenWidth;
use super::{DataTroveWriter, DolmaWriter, MegatronWriter, NumpyWriter};
use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};

/// Begins a shard: where, without extension; the name of the tokenizer or source; the width.
type Create = fn(&Utf8Path, &str, TokenWidth) -> Result<Box<dyn ShardWriter>, CorpusError>;

/// A format of shards.
#[derive(Clone, Copy, Debug)]
pub struct ShardFormat {
    /// Its name.
    pub name: &'static str,
    /// What reads it and which files it has, in one sentence.
    pub meaning: &'static str,
    /// The endings of its files, the tokens first.
    pub endings: &'static [&'static str],
    create: Create,
}

/// All formats.
pub const SHARD_FORMATS: &[ShardFormat] = &[
    ShardFormat {
        name: "datatrove",
        meaning: "DataTrove and nanotron: NAME.ds, NAME.ds.index, NAME.ds.metadata.",
        endings: &["ds", "ds.index", "ds.metadata"],
        create: |path, tokenizer, width| {
            let writer = DataTroveWriter::create(&with(path, "ds"), tokenizer, width)?;
            Ok(Box::new(writer))
        },
    },
    ShardFormat {
        name: "megatron",
        meaning: "Megatron-LM and NeMo: NAME.bin, NAME.idx.",
        endings: &["bin", "idx"],
        create: |path, _, width| Ok(Box::new(MegatronWriter::create(path, width)?)),
    },
    ShardFormat {
        name: "numpy",
        meaning: "NumPy: NAME.npy, one array that can be mapped.",
        endings: &["npy"],
        create: |path, _, width| Ok(Box::new(NumpyWriter::create(&with(path, "npy"), width)?)),
    },
    ShardFormat {
        name: "dolma",
        meaning: "Dolma and OLMo: NAME.npy without a header, NAME.csv.gz.",
        endings: &["npy", "csv.gz"],
        create: |path, source, width| {
            Ok(Box::new(DolmaWriter::create(&with(path, "npy"), source, width)?))
        },
    },
];

/// The endings of the files of the format called `name`.
pub(super) fn endings(name: &str) -> &'static [&'static str] {
    SHARD_FORMATS.iter().find(|format| format.name == name).map_or(&[], |format| format.endings)
}

fn with(path: &Utf8Path, extension: &str) -> Utf8PathBuf {
    // Not `with_extension`, which would replace what follows a point in the name.
    Utf8PathBuf::from(format!("{path}.{extension}"))
}

/// Begins a shard of the format called `name` at `path`, given without extension. `label` names
/// the tokenizer for DataTrove and the source for Dolma.
///
/// # Errors
/// [`CorpusError::UnknownName`], [`CorpusError::Io`].
pub fn shard_writer(
    name: &str,
    path: &Utf8Path,
    label: &str,
    width: TokenWidth,
) -> Result<Box<dyn ShardWriter>, CorpusError> {
    if let Some(format) = SHARD_FORMATS.iter().find(|format| format.name == name) {
        return (format.create)(path, label, width);
    }
    Err(CorpusError::unknown("shard format", name, SHARD_FORMATS.iter().map(|format| format.name)))
}
