//! `catena.toml`: its sections, its defaults and how it is read.
//!
//! Every key has a default but `project.name` and `data.source`, so a small file is a whole
//! project. A key nobody knows is an error that names the nearest known one.

mod choices;
mod load;
mod reference;
mod sections;

pub use choices::{
    Auto, ByteSize, LayerRanges, MicroStep, RecomputeChoice, RecomputeWord, ServedModelChoice,
    ServedModelTable, Sources,
};
pub use load::{FILE_NAME, load};
pub use reference::{
    FieldReference, KeyReference, SectionReference, documented_fields, reference,
    reference_markdown,
};
pub use sections::{
    DataConfig, EvalConfig, IndexConfig, KvCacheType, LogFormat, ModelConfig, ProjectConfig,
    ProjectSection, QuantizeConfig, ServeConfig, SynthConfig, TrainConfig,
};

#[cfg(test)]
pub(crate) use load::parse as parse_for_tests;
