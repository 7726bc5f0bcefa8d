//! `catena.toml`: its sections, its defaults and how it is read.
//!
//! Every key has a default but `project.name` and `data.source`, so a small file is a whole
//! project. A key nobody knows is an error that names the nearest known one.

mod load;
mod sections;

pub use load::load;
pub use sections::{
    DataConfig, EvalConfig, IndexConfig, ModelConfig, ProjectConfig, ProjectSection,
    QuantizeConfig, ServeConfig, SynthConfig, TrainConfig,
};

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "catena.toml";

#[cfg(test)]
pub(crate) use load::parse as parse_for_tests;
