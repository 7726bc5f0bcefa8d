//! Query and document with how well they match.

use super::format::{Format, RowView};
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::{RerankSample, TrainingSample};

/// `query`, `document` and a `label` or `score`.
pub(super) struct Rerank;

const QUERIES: [&str; 2] = ["query", "question"];
const DOCUMENTS: [&str; 4] = ["document", "passage", "doc", "context"];
const SCORES: [&str; 3] = ["score", "label", "relevance"];

impl Format for Rerank {
    fn name(&self) -> &'static str {
        "rerank"
    }

    fn parts(&self) -> &'static [&'static str] {
        &["query", "document", "score"]
    }

    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)> {
        let (query, document) = (peek.first(&QUERIES)?, peek.first(&DOCUMENTS)?);
        let score = peek.first(&SCORES)?;
        let layout = Layout::of([("query", query), ("document", document), ("score", score)]);
        Some((layout, format!("columns `{query}`, `{document}` and `{score}`")))
    }

    fn default_layout(&self) -> Layout {
        Layout::named(self.parts())
    }

    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason> {
        let query = row.need_text(layout.need("query"))?.to_owned();
        let document = row.need_text(layout.need("document"))?.to_owned();
        let key = layout.need("score");
        let score = row.number(key)?.ok_or_else(|| DropReason::missing(key))?;
        Ok(TrainingSample::Rerank(RerankSample { query, document, score }))
    }
}
