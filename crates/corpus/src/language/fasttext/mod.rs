//! Supervised fastText models, read and applied.
//!
//! The reader takes a `.bin` or `.ftz` file as bytes: language identifiers such as lid.176 and
//! quality classifiers alike, dense or with product quantization, and with each of the four
//! losses. Rows are expanded to floats once, when the model is read; a prediction hashes the
//! words and character n-grams of a text as fastText does, averages their rows and applies the
//! output layer.
//!
//! **Invariant:** a file that is not what it claims to be is an error with the offset where it
//! shows; no count in a file is believed before the bytes it implies are seen to be there.
//!
//! # Source
//! Joulin et al. 2017, arXiv:1607.01759 (model) and arXiv:1612.03651 (quantization); Bojanowski
//! et al. 2017, arXiv:1607.04606 (n-grams). The file format and the order of the arithmetic are
//! those of fastText 0.9.2. We sum the rows of a word before adding them to the text's, which
//! moves the last bits of a probability only.

mod cache;
mod dictionary;
mod matrix;
mod model;
mod ngrams;
mod output;
mod reader;

pub use model::{FastText, Prediction};
