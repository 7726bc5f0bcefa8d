//! `catena bench data`: how fast texts are judged, compared and masked, beside the usual tools.

mod command;
mod corpus;
mod dedup;
mod measure;

pub(super) use command::run;
