//! LLaMA-Factory's YAML, read as it is.
//!
//! Every key of its argument classes, and of transformers' training arguments below them, is one of
//! four kinds: it has the meaning of one of ours ([`same`]); it is turned into ours ([`convert`]); it
//! says how and where its own program runs or what it shows, and is passed over with a note
//! ([`passed_over`]); or it belongs to something that we do not do ([`features`]), which is refused by
//! name if it is asked for, with all its keys at once. A key that is none of these is not known.

mod convert;
mod features;
mod passed_over;
mod same;
#[cfg(test)]
mod tests;
mod yaml;

pub(super) use yaml::import;
