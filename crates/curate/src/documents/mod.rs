//! Documents as tables: shards of files gathered into parts, each a partition of a stream.

mod batches;
mod part;
mod rejected;
pub(crate) mod schema;
mod table;

pub(crate) use batches::Aside;
pub(crate) use part::Part;
pub(crate) use rejected::{Rejected, rejected};
pub(crate) use table::{PartStream, table};
