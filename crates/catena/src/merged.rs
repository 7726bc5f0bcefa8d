//! Adapters and what they give with their base, as stages and commands read and write them.

use crate::models::BoxError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::adapter::open_adapter;
use catena_model::gguf::GgmlType;
use catena_model::{
    Checkpoint, ExportSource, FloatType, GgufRule, ModelError, save_huggingface, write_gguf,
};

/// Folder of an adapter below the output of what trained it.
pub(crate) const ADAPTER_DIR: &str = "adapter";
/// What a folder with an adapter has.
const ADAPTER_CONFIG: &str = "adapter_config.json";

/// What linear layers of a GGUF file are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GgufFormat {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q5_1")]
    Q5_1,
    #[value(name = "q5_0")]
    Q5_0,
    #[value(name = "q4_1")]
    Q4_1,
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "bf16")]
    Bf16,
    #[value(name = "f16")]
    F16,
    #[value(name = "f32")]
    F32,
}

impl GgufFormat {
    /// By its name in settings and file names.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        clap::ValueEnum::from_str(name, false).ok()
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q5_1 => "q5_1",
            Self::Q5_0 => "q5_0",
            Self::Q4_1 => "q4_1",
            Self::Q4_0 => "q4_0",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }

    fn ggml_type(self) -> GgmlType {
        match self {
            Self::Q8_0 => GgmlType::Q8_0,
            Self::Q5_1 => GgmlType::Q5_1,
            Self::Q5_0 => GgmlType::Q5_0,
            Self::Q4_1 => GgmlType::Q4_1,
            Self::Q4_0 => GgmlType::Q4_0,
            Self::Bf16 => GgmlType::BF16,
            Self::F16 => GgmlType::F16,
            Self::F32 => GgmlType::F32,
        }
    }
}

/// The adapter at `path`: a folder or file of one, or the output of a run that trained one.
pub(crate) fn find_adapter(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let folders = [path.to_owned(), path.join(ADAPTER_DIR)];
    let holds = |path: &Utf8PathBuf| path.is_file() || path.join(ADAPTER_CONFIG).exists();
    folders.into_iter().find(holds)
}

/// Writes `base` with `adapter` merged in as a folder that transformers loads; says how many
/// tensors were changed.
pub(crate) fn save_merged(
    base: &Utf8Path,
    adapter: &Utf8Path,
    folder: &Utf8Path,
) -> Result<usize, BoxError> {
    let checkpoint = Checkpoint::open(base)?;
    let adapter = open_adapter(adapter, checkpoint.config())?;
    save_folder(&ExportSource::new(&checkpoint).with_adapter(&adapter)?, folder)?;
    Ok(adapter.targets().len())
}

/// Writes a model as a folder that transformers loads.
pub(crate) fn save_folder(source: &ExportSource<'_>, folder: &Utf8Path) -> Result<(), ModelError> {
    save_huggingface(folder, source, FloatType::Bf16)
}

/// Path of a format's file in a folder.
pub(crate) fn gguf_file(folder: &Utf8Path, format: &str) -> Utf8PathBuf {
    folder.join(format!("model.{format}.gguf"))
}

/// Writes a model as a GGUF file at `path`.
pub(crate) fn save_gguf(
    source: &ExportSource<'_>,
    format: GgufFormat,
    path: &Utf8Path,
) -> Result<(), ModelError> {
    write_gguf(path, source, GgufRule::standard(format.ggml_type()))
}
