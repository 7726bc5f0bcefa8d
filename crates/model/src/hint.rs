//! What to try when a model file is refused.

use crate::error::ModelError;

impl ModelError {
    /// One thing to try next, if there is one that the text does not say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAModel { .. } => Some(
                "give a GGUF file, a folder with safetensors, or a name that `catena pull --list` \
                 shows",
            ),
            Self::Gguf { .. }
            | Self::Safetensors { .. }
            | Self::ShardTensor { .. }
            | Self::Json { .. } => {
                Some("the file may be damaged: `catena pull NAME --verify` reads it again")
            }
            Self::TooLarge { .. } | Self::ShardName { .. } => {
                Some("fetch the model again from where it was published")
            }
            Self::MissingKey { .. } | Self::MissingTensor { .. } => {
                Some("files may be missing: fetch the whole model again")
            }
            Self::UnexpectedTensor { .. } | Self::ShapeMismatch { .. } => {
                Some("the configuration may belong to another checkpoint: fetch both again")
            }
            Self::UnsupportedArchitecture { .. } => {
                Some("docs/families.md and docs/encoders.md list the models that run")
            }
            Self::UnsupportedType { .. } => {
                Some("take the same model in another form, such as Q8_0 or bf16")
            }
            Self::NotConverted { .. } => Some("keep the kind of file that it is"),
            Self::NotInBlocks { .. } => Some("choose a format without blocks, such as bf16"),
            Self::UnknownAdapterTensor { .. } | Self::AdapterPair { .. } => {
                Some("the adapter may be incomplete: write or fetch it again")
            }
            Self::AdapterTarget { .. } | Self::NotAnAdapter { .. } => {
                Some("give the model that the adapter was trained on")
            }
            Self::Io { .. }
            | Self::InvalidConfig { .. }
            | Self::WrongHead { .. }
            | Self::HeadLeftOut { .. }
            | Self::UnsupportedAdapter { .. }
            | Self::AdapterModule { .. }
            | Self::PrefixNotMerged
            | Self::AdapterNotGguf { .. }
            | Self::AdapterRank { .. }
            | Self::Training(_)
            | Self::Text(_)
            | Self::Kernel(_) => None,
        }
    }
}
