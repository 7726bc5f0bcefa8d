//! `catena bench`: how fast this machine runs a model, beside other engines in the same run.

mod cells;
mod command;
mod data;
mod embed;
mod engine;
mod files;
mod goals;
mod infer;
mod kernels;
mod limits;
mod peers;
mod perplexity;
mod rounds;
mod sampling;
mod serve;
mod start;
mod train;

pub(crate) use command::run;
pub(crate) use files::find as find_model;
