//! Data: from a folder of files to clean documents, and from records and public data sets to
//! training tokens.
//!
//! ```text
//! files --read_documents--> Documents --clean--> Documents + Profile --write_clean--> a folder
//! Records --drop_leaks, check_leaks--> two splits --encode_record--> tokens and labels
//! data files --read_samples, read_dataset--> samples --lint--> findings
//!                                            samples --Encoder--> tokens and labels --preview-->
//! ```
//!
//! * [`read_documents`] reads JSON, JSON Lines, Markdown and text, alone or in folders, with a
//!   limit on every size.
//! * [`clean`] normalizes Unicode and white space, drops exact and near duplicates, masks
//!   personal data, and accounts for every document in a [`Profile`].
//! * [`Record`] is one question with its passages and its grounded answer.
//! * [`read_samples`] reads the data sets that trainers share: Alpaca, ShareGPT, OpenAI messages,
//!   preferences and more, from JSON, CSV or Parquet; [`read_dataset`] reads LLaMA-Factory's
//!   `dataset_info.json`.
//! * [`Encoder`] renders and encodes samples and marks what is trained on; [`TextEncoder`] does so
//!   for classifiers and embeddings; [`preview`] shows it.
//! * [`lint`] finds what would spoil a training run, before it is run.
//!
//! **Invariant:** everything here is deterministic: the same bytes and seeds in give the same
//! bytes out, whatever the machine. Nothing is dropped or masked without an entry in the profile,
//! and no row of a data set without its reason in the report.

mod clean;
mod dataset_info;
mod encode;
mod error;
mod files;
mod formats;
mod leak;
mod lint;
mod preview;
mod profile;
mod read;
mod record;
mod rows;
mod samples;
mod split;
#[cfg(test)]
mod test_support;
mod write;

pub use catena_corpus::{Masked, MinHashConfig, PiiRule, TextBy, mask, normalize};
pub use clean::{CleanConfig, CleanOutput, DropRule, clean};
pub use dataset_info::{read_dataset, read_dataset_names};
pub use encode::{
    Classes, EncodeOptions, EncodedBlock, EncodedLabel, EncodedPreference, EncodedRecord,
    EncodedSample, EncodedText, EncodedUnpaired, EncodedWords, Encoder, Masking, TextEncoder,
    TrainOn, Truncation, encode_record, mismatched,
};
pub use error::{DataError, LeakKind};
pub use formats::{DropReason, Tags, UnknownKey, sample_formats};
pub use leak::{LeakReport, check_leaks, drop_leaks};
pub use lint::{Finding, LintOptions, LintReport, Severity, lint};
pub use preview::{PreviewToken, SampleRow, preview, preview_sample, preview_text};
pub use profile::{Bin, Distribution, DocumentProfile, Profile};
pub use read::{ReadLimits, read_documents};
pub use record::{Record, RecordPassage, Split, read_records, write_records};
pub use rows::{RowLimits, RowPlace, data_files};
pub use samples::{DropCount, DroppedRow, ReadReport, SampleOptions, SampleSet, read_samples};
pub use split::split_documents;
pub use write::{CleanFiles, read_clean_documents, write_clean};
