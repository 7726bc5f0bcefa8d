//! Shows what of samples is trained on.

mod sample;
mod tokens;

pub use sample::{SampleRow, preview_sample};
pub use tokens::{PreviewToken, preview, preview_text};

#[cfg(test)]
mod tests;
