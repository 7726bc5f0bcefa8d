//! Who may ask, from where, and what is said about it afterwards.
//!
//! [`protect`] puts one guard before all routes, also those of other routers and unknown paths:
//! what is not on the short public list needs a key. It also gives requests their identity, refuses
//! bodies that are too large or too complex before anything is built from them, keeps the limits of
//! keys, and writes the audit log when an answer has ended.

mod audit;
mod body;
mod credentials;
mod guard;
mod log;
mod origin;
mod outcome;
mod policy;

pub use audit::{AuditError, AuditLog};
pub(crate) use guard::{protect, whole_seconds};
pub(crate) use log::log;
pub(crate) use origin::host_and_port;
pub(crate) use outcome::{Outcome, Peer};
pub(crate) use policy::ADMIN_PREFIXES;
pub use policy::{Access, PUBLIC_PATHS};
