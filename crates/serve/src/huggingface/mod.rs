//! What the two servers of Hugging Face share: `/info`, `/tokenize` and their root, where clients
//! that know only a server's address send every task.

mod decode;
mod error;
mod info;
pub(crate) mod operations;
mod root;
mod tokenize;

pub(crate) use decode::decode;
pub(crate) use error::generation_error;
pub(crate) use info::info;
pub(crate) use root::root;
pub(crate) use tokenize::tokenize;
