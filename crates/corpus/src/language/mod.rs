//! Which language a text is in.
//!
//! Two tiers behind one [`LanguageDetector`]. The built-in one needs no file: the script decides
//! where it can (Korean, Thai, Greek, Chinese against Japanese), and two small classifiers share
//! the Latin, Cyrillic, Arabic, Hebrew and Devanagari scripts. The other applies a fastText model
//! such as lid.176, the measure that published data sets cut by. Both tell simplified Chinese
//! from traditional by the characters that only one of them has.
//!
//! **Invariant:** the fastText tier gives what fastText gives for the same model and text; its
//! thresholds (0.65, 0.8) carry over.

mod builtin;
mod chinese;
mod codes;
mod common;
mod detector;
mod fasttext;
mod sample;
mod script;

pub use chinese::ChineseScript;
pub use detector::{Language, LanguageDetector};
pub use fasttext::{FastText, Prediction};
pub use script::{Script, ScriptShares};

#[cfg(test)]
mod tests;
