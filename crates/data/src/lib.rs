//! Data: from records and public data sets to training tokens.
//!
//! ```text
//! Records --drop_leaks, check_leaks--> two splits --encode_record--> tokens and labels
//! data files --read_samples, read_dataset--> samples --lint--> findings
//!                                            samples --Encoder--> tokens and labels --preview-->
//! ```
//!
//! * [`Record`] is one question with its passages and its grounded answer.
//! * [`read_samples`] reads the data sets that trainers share: Alpaca, ShareGPT, OpenAI messages,
//!   preferences and more, from JSON, CSV or Parquet; [`read_dataset`] reads LLaMA-Factory's
//!   `dataset_info.json`.
//! * [`Encoder`] renders and encodes samples and marks what is trained on; [`TextEncoder`] does so
//!   for classifiers and embeddings; [`preview`] shows it.
//! * [`lint`] finds what would spoil a training run, before it is run.
//!
//! **Invariant:** everything here is deterministic: the same bytes and seeds in give the same
//! bytes out, whatever the machine. No row of a data set is dropped without its reason in the
//! report.

mod dataset_info;
mod encode;
mod error;
mod files;
mod formats;
mod leak;
mod lint;
mod preview;
mod record;
mod rows;
mod samples;
mod split;
#[cfg(test)]
mod test_support;

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
pub use record::{Record, RecordPassage, Split, read_records, write_records};
pub use rows::{RowLimits, RowPlace, data_files};
pub use samples::{DropCount, DroppedRow, ReadReport, SampleOptions, SampleSet, read_samples};
pub use split::split_documents;
