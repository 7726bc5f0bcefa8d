//! `catena serve`, and the server of `catena up`.
//!
//! [`Options`] come from `[serve]` and from flags; [`Listener`] listens before models are loaded;
//! [`ProjectServer`] and `standalone` say what is served.

mod command;
mod facts;
mod files;
mod hangup;
mod kind;
mod library;
mod listen;
mod logs;
mod on_demand;
mod options;
mod own;
mod project;
mod simulate;
mod standalone;
mod telemetry;
#[cfg(test)]
mod tests;

pub(crate) use command::run;
pub(crate) use listen::{Listener, Server};
pub(crate) use options::Options;
pub(crate) use project::ProjectServer;
pub(crate) use simulate::instant_model;
