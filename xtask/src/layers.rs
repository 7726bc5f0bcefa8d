//! Which crate may depend on which: the layer table of ARCHITECTURE.md as data.
//!
//! A new edge is one word here and the same word there, in the same commit, with the reason in
//! its message.

/// One crate of the workspace.
pub(crate) struct Layer {
    /// Its level; dependencies point to the same or a lower one.
    pub(crate) level: u8,
    /// Its folder below `crates/`.
    pub(crate) name: &'static str,
    /// Crates of ours it may use directly.
    pub(crate) may_use: &'static [&'static str],
    /// Whether it may use `tokio`.
    pub(crate) tokio: bool,
}

const fn layer(level: u8, name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { level, name, may_use, tokio: false }
}

const fn with_tokio(level: u8, name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { level, name, may_use, tokio: true }
}

/// The table, lowest first.
pub(crate) const LAYERS: [Layer; 16] = [
    layer(0, "kernels", &[]),
    layer(0, "protocol", &[]),
    layer(0, "store", &["protocol"]),
    layer(1, "text", &["protocol"]),
    layer(1, "model", &["kernels", "text"]),
    layer(1, "corpus", &["protocol"]),
    layer(1, "data", &["corpus", "protocol", "text", "store"]),
    with_tokio(2, "curate", &["corpus", "data", "text", "protocol", "store"]),
    layer(2, "train", &["kernels", "model", "data", "protocol"]),
    layer(2, "engine", &["kernels", "model", "text", "protocol"]),
    layer(2, "knowledge", &["protocol", "text", "store"]),
    layer(3, "eval", &["engine", "data", "protocol", "store"]),
    layer(3, "pipeline", &["protocol", "store"]),
    with_tokio(3, "serve", &["engine", "knowledge", "protocol", "store"]),
    with_tokio(4, "studio", &["serve", "pipeline", "store", "protocol"]),
    with_tokio(5, "catena", &ALL_BELOW),
];

/// What the composer may use: everything.
const ALL_BELOW: [&str; 15] = [
    "kernels",
    "protocol",
    "store",
    "text",
    "model",
    "corpus",
    "data",
    "curate",
    "train",
    "engine",
    "knowledge",
    "eval",
    "pipeline",
    "serve",
    "studio",
];
