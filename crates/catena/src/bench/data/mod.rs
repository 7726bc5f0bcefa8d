//! `catena bench data`: how fast texts are judged, compared and masked, beside the usual tools.

mod apart;
mod clean;
mod command;
mod corpus;
mod decisions;
mod dedup;
mod measure;
mod run;
mod tasks;

pub(super) use command::run;
