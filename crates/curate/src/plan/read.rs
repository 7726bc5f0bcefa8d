//! How rows become documents.

use super::settings::{ReadSettings, TextUnit};
use catena_corpus::{ReadOptions, TextBy};

impl ReadSettings {
    /// `base` with what the plan says.
    pub(crate) fn options(&self, base: &ReadOptions) -> ReadOptions {
        ReadOptions {
            text_column: self.text.clone(),
            id_column: self.id.clone(),
            text_by: match self.text_by {
                TextUnit::File => TextBy::File,
                TextUnit::Line => TextBy::Line,
                TextUnit::Paragraph => TextBy::Paragraph,
            },
            encoding: self.encoding.clone(),
            strict: self.strict,
            every_file: self.every_file,
            attributes: self.attributes.clone(),
            config: self.config.clone(),
            split: self.split.clone(),
            ..base.clone()
        }
    }
}
