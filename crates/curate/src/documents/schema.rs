//! The columns of documents on their way through a plan.

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::{Arc, LazyLock};

/// Its identity in the set.
pub(crate) const ID: &str = "id";
/// What the row said where it is from, else the name of its file.
pub(crate) const SOURCE: &str = "source";
/// Where it stands in the input: file and row.
pub(crate) const PLACE: &str = "place";
/// `html` where the text still is a page; otherwise `text`.
pub(crate) const FORMAT: &str = "format";
/// Everything else that the row said, as a JSON object.
pub(crate) const METADATA: &str = "metadata";
/// The text.
pub(crate) const TEXT: &str = "text";
/// Whether the text joins turns; the metadata then is the whole row, turns and all.
pub(crate) const TURNS: &str = "turns";

/// What is the same for rows with the same [`Sample`](catena_corpus::Sample): the same text but for
/// case and white space, and the same turns, media, tools and labels.
pub(crate) const KEY: &str = "key";
/// What is the same for rows that may be compared by their words.
pub(crate) const SHAPE: &str = "shape";
/// The group of the document, which stays within one split, as it was before masking; null if it
/// has none.
pub(crate) const GROUP: &str = "split_group";
/// The value whose shares are the same in all splits, as it was before masking; null if there is
/// none, or if it is not in the metadata.
pub(crate) const LABEL: &str = "split_label";
/// Why a document was dropped; null where it stays.
pub(crate) const VERDICT: &str = "verdict";
/// The part of it that tells whether there is one, where nothing else of it is looked at.
pub(crate) const VERDICT_STEP: &str = "verdict.step";

/// What was masked, for review; null where nothing was.
pub(crate) const AUDIT: &str = "pii_audit";

/// Documents as they are read.
pub(crate) static DOCUMENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let mut fields = [ID, SOURCE, PLACE, FORMAT, METADATA, TEXT].map(text).to_vec();
    fields.push(Field::new(TURNS, DataType::Boolean, false));
    Arc::new(Schema::new(fields))
});
