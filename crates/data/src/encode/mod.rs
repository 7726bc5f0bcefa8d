//! From samples to training tokens.
//!
//! Everything that ends in a row of tokens and labels goes through [`Encoder`], records too: one
//! place renders conversations, finds what is trained on, and cuts what is too long.

mod blocks;
mod chat;
mod classes;
mod classify;
mod encoder;
mod join;
mod marked;
mod options;
mod preference;
mod prefix;
mod record;
mod row;
mod sample;
mod text;
mod truncate;

pub use classes::{Classes, EncodedLabel};
pub use classify::{EncodedText, EncodedWords, TextEncoder};
pub use encoder::Encoder;
pub use options::{EncodeOptions, Masking, TrainOn, Truncation};
pub use preference::mismatched;
pub use record::{EncodedRecord, encode_record};
pub use sample::{EncodedBlock, EncodedPreference, EncodedSample, EncodedUnpaired};

#[cfg(test)]
mod tests;
