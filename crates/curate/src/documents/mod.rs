//! Documents as tables: shards of files gathered into parts, each a partition of a stream.

mod batches;
mod part;
pub(crate) mod schema;
mod table;

pub(crate) use batches::BadRows;
pub(crate) use part::Part;
pub(crate) use table::{PartStream, table};
