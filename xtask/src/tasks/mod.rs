//! What `cargo xtask` does besides tidy. One task, one function; the parts are beside it.

mod arm;
mod clients;
mod deps;
mod e2e;
mod exchange;
mod product;
mod sanitize;
mod server;
mod studio;
mod verify;

pub(crate) use arm::arm;
pub(crate) use clients::clients;
pub(crate) use deps::deps;
pub(crate) use e2e::e2e;
pub(crate) use exchange::exchange;
pub(crate) use product::{bench, build, up};
pub(crate) use sanitize::sanitize;
pub(crate) use studio::studio;
pub(crate) use verify::{check, ci, test};
