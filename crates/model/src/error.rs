//! What can go wrong with model files.

use std::io;

use camino::Utf8PathBuf;
use catena_kernels::KernelError;
use catena_text::TextError;
use safetensors::SafeTensorError;
use thiserror::Error;

use crate::gguf::{GgmlType, GgufError};
use crate::training::TrainingError;

/// Everything that this crate refuses.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    // Fix the machine.
    /// A file cannot be read or written.
    #[error("cannot access `{path}`")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    // Fix the input: files.
    /// A path that is neither a GGUF file nor a model folder.
    #[error("`{path}` is neither a .gguf file nor a folder with config.json and safetensors")]
    NotAModel {
        /// The path.
        path: Utf8PathBuf,
    },
    /// A file is larger than any real one of its kind.
    #[error("`{path}` has {size} bytes, limit is {limit}")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// Its size.
        size: u64,
        /// Largest size read.
        limit: u64,
    },
    /// A GGUF file breaks its format.
    #[error("`{path}` is not a sound GGUF file")]
    Gguf {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        source: GgufError,
    },
    /// A safetensors file breaks its format.
    #[error("`{path}` is not a sound safetensors file")]
    Safetensors {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        source: SafeTensorError,
    },
    /// A shard index names a file outside its folder.
    #[error("`{path}` names shard `{shard}`, expected a plain file name")]
    ShardName {
        /// The index file.
        path: Utf8PathBuf,
        /// The name in it.
        shard: String,
    },
    /// A shard lacks a tensor that the index puts there.
    #[error("`{path}` puts tensor `{name}` into shard `{shard}`, which does not hold it")]
    ShardTensor {
        /// The index file.
        path: Utf8PathBuf,
        /// The tensor.
        name: String,
        /// The shard.
        shard: String,
    },
    /// A JSON file does not parse or has fields of other types.
    #[error("`{path}` is not the expected JSON")]
    Json {
        /// The file.
        path: Utf8PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    // Fix the input: configuration.
    /// A configuration key is missing.
    #[error("`{file}` has no `{key}`")]
    MissingKey {
        /// The file.
        file: Utf8PathBuf,
        /// The key.
        key: String,
    },
    /// A configuration value cannot be, or asks for something we do not have.
    #[error("`{key}` is {value} in `{file}`, {reason}")]
    InvalidConfig {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        reason: &'static str,
        /// The file.
        file: Utf8PathBuf,
    },
    /// A model family that we do not run.
    #[error(
        "architecture `{found}` in `{file}` is not supported{}; supported: {}",
        near(nearest.as_deref()),
        known.join(", ")
    )]
    UnsupportedArchitecture {
        /// Name in the file.
        found: String,
        /// The most similar name that we run.
        nearest: Option<String>,
        /// Names we run.
        known: Vec<&'static str>,
        /// The file.
        file: Utf8PathBuf,
    },
    /// A model whose keys we cannot write in the other kind of file.
    #[error(
        "`{file}` cannot be written as the other kind of file: {what} of architecture \
         `{model_type}` cannot be described there yet"
    )]
    NotConverted {
        /// The model's family.
        model_type: &'static str,
        /// What cannot be described.
        what: &'static str,
        /// The file or folder.
        file: Utf8PathBuf,
    },
    /// A checkpoint that was trained for something else.
    #[error("`{architecture}` in `{file}` is not {wanted}; it loads as {nearest}")]
    WrongHead {
        /// The class in `architectures`.
        architecture: String,
        /// What was asked for.
        wanted: &'static str,
        /// What the checkpoint can be loaded as.
        nearest: &'static str,
        /// The file.
        file: Utf8PathBuf,
    },
    /// A GGUF file with only the last layer of a classifier.
    #[error(
        "`{file}` has a classifier without the pooler before it, which llama.cpp's converter leaves \
         out; load the folder that the file was made from"
    )]
    HeadLeftOut {
        /// The file.
        file: Utf8PathBuf,
    },
    // Fix the input: tensors.
    /// A tensor is not there.
    #[error("tensor `{name}` is not in `{file}`{}", near(nearest.as_deref()))]
    MissingTensor {
        /// The tensor.
        name: String,
        /// The file or folder.
        file: Utf8PathBuf,
        /// The most similar name that is there.
        nearest: Option<String>,
    },
    /// A tensor of the file has no place in the architecture.
    #[error("tensor `{name}` in `{file}` does not belong to architecture `{architecture}`")]
    UnexpectedTensor {
        /// The tensor.
        name: String,
        /// The architecture.
        architecture: &'static str,
        /// The file.
        file: Utf8PathBuf,
    },
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` has shape {found:?}, config implies {expected:?}")]
    ShapeMismatch {
        /// The tensor.
        name: String,
        /// Shape found.
        found: Vec<usize>,
        /// Shape expected.
        expected: Vec<usize>,
    },
    /// A tensor has a storage type that we cannot read.
    #[error("tensor `{name}` has type {found}; supported: {supported}")]
    UnsupportedType {
        /// The tensor.
        name: String,
        /// Its type's name.
        found: String,
        /// Types we read.
        supported: &'static str,
    },
    /// A tensor cannot be stored in the type asked for.
    #[error("tensor `{name}` has rows of {columns} values, {format} needs a multiple of {block}")]
    NotInBlocks {
        /// The tensor.
        name: String,
        /// Values per row.
        columns: usize,
        /// The type asked for.
        format: GgmlType,
        /// Its values per block.
        block: usize,
    },
    // Fix the input: adapters.
    /// An adapter of a kind that we do not apply.
    #[error("adapter `{path}` has `{key}` = {value}, {reason}")]
    UnsupportedAdapter {
        /// The adapter folder.
        path: Utf8PathBuf,
        /// The key of adapter_config.json.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is accepted.
        reason: &'static str,
    },
    /// An adapter tensor without a meaning.
    #[error("adapter tensor `{name}` is none of its kind's and no saved module's")]
    UnknownAdapterTensor {
        /// Its key.
        name: String,
    },
    /// One half of a LoRA pair.
    #[error("adapter tensor `{name}` has no partner `{partner}`")]
    AdapterPair {
        /// Its key.
        name: String,
        /// The key that is missing.
        partner: String,
    },
    /// An adapter for a module that the model does not have.
    #[error("adapter changes `{name}`, which the model does not have{}", near(nearest.as_deref()))]
    AdapterTarget {
        /// The model tensor's name.
        name: String,
        /// The most similar tensor there is.
        nearest: Option<String>,
    },
    /// An adapter for a module that it cannot be applied to while the base runs.
    #[error(
        "adapter changes `{name}` in a way that is not supported; supported are LoRA pairs of the \
         projections of attention, of MLPs, experts and routers and of lm_head, magnitudes and \
         vectors of outputs of the same but latent attention's heads, and vectors of the inputs \
         behind attention and of the MLP's last projection"
    )]
    AdapterModule {
        /// The model tensor's name.
        name: String,
    },
    /// A prefix to be merged.
    #[error(
        "a prefix stands before sequences and in no weight, so it cannot be merged; serve it beside \
         its base"
    )]
    PrefixNotMerged,
    /// An adapter with more than pairs to be written as GGUF.
    #[error(
        "a GGUF adapter holds LoRA pairs only, this one has {what}; merge it, or keep PEFT's format"
    )]
    AdapterNotGguf {
        /// What has no place there.
        what: &'static str,
    },
    /// A GGUF file that is no adapter for the model.
    #[error(
        "`{path}` has `{key}` = {found:?}, expected is {expected:?} in an adapter for this model"
    )]
    NotAnAdapter {
        /// The file.
        path: Utf8PathBuf,
        /// The key.
        key: &'static str,
        /// Its value, empty if it has none.
        found: String,
        /// What an adapter for the model has.
        expected: &'static str,
    },
    /// An adapter with a pair of no or too large a rank.
    #[error("adapter changes `{name}` with rank {rank}, allowed is 1 to {limit}")]
    AdapterRank {
        /// The model tensor's name.
        name: String,
        /// The pair's rank.
        rank: usize,
        /// The largest rank.
        limit: usize,
    },
    /// An adapter configuration or a batch that cannot be trained on.
    #[error(transparent)]
    Training(#[from] TrainingError),
    // From below.
    /// The tokenizer or the chat template is at fault.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A kernel object cannot be built from the file's bytes.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

fn near(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; the nearest is `{name}`"))
}
