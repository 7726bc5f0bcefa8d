//! Data: from a folder of files to clean documents, and from records to training tokens.
//!
//! ```text
//! files --read_documents--> Documents --clean--> Documents + Profile --write_clean--> a folder
//! Records --drop_leaks, check_leaks--> two splits --encode_record--> tokens and labels
//! ```
//!
//! * [`read_documents`] reads JSON, JSON Lines, Markdown and text, alone or in folders, with a
//!   limit on every size.
//! * [`clean`] normalizes Unicode and white space, drops exact and near duplicates, masks
//!   personal data, and accounts for every document in a [`Profile`].
//! * [`Record`] is one question with its passages and its grounded answer.
//!
//! **Invariant:** everything here is deterministic: the same bytes and seeds in give the same
//! bytes out, whatever the machine. Nothing is dropped or masked without an entry in the profile.

mod clean;
mod dedup;
mod encode;
mod error;
mod files;
mod leak;
mod normalize;
mod pii;
mod profile;
mod read;
mod record;
mod split;
mod write;

pub use clean::{CleanConfig, CleanOutput, DropRule, clean};
pub use dedup::NearDuplicateConfig;
pub use encode::{EncodedRecord, encode_record};
pub use error::{DataError, LeakKind};
pub use leak::{LeakReport, check_leaks, drop_leaks};
pub use normalize::normalize;
pub use pii::{Masked, PiiRule, mask};
pub use profile::{Bin, Distribution, DocumentProfile, Profile};
pub use read::{ReadLimits, read_documents};
pub use record::{Record, RecordPassage, Split, read_records, write_records};
pub use split::split_documents;
pub use write::{CleanFiles, read_clean_documents, write_clean};
