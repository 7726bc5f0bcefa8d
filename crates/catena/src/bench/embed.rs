//! Speed of embedding: the documents of the bank's support desk, by the path that builds an index.

use super::cells::Samples;
use super::files::absolute;
use super::rounds::wanted;
use crate::documents::read_documents;
use crate::failure::{Exit, Failure};
use crate::models::{BoxError, LocalEmbedder};
use crate::pull::Finder;
use camino::Utf8PathBuf;
use catena_kernels::Pool;
use catena_knowledge::embed_texts;
use catena_protocol::{Cancel, NoProgress};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// The cell of the speed; how our vectors compare with the peer's stands below it.
pub(crate) const CELL: &str = "infer/embed/minilm";
/// The cells of that comparison.
pub(crate) const COSINES: [&str; 2] =
    ["infer/embed/minilm/cosine/least", "infer/embed/minilm/cosine/mean"];
const MODEL: &str = "all-minilm-l6-v2";
const DOCUMENTS: &str = "pull:bank-support/documents.json.gz";

/// The encoder and the texts, opened for measuring.
pub(crate) struct EmbedBench {
    path: Utf8PathBuf,
    embedder: LocalEmbedder,
    texts: Vec<String>,
}

/// What one round leaves for the peer to compare with.
pub(crate) struct Embedded {
    vectors: Vec<f32>,
    num_tokens: usize,
}

impl EmbedBench {
    /// Opens model and documents if the cell is wanted.
    pub(crate) fn open(
        only: &[String],
        finder: &Finder<'_>,
        pool: Arc<Pool>,
    ) -> Result<Option<Self>, Failure> {
        if !wanted(CELL, only) {
            return Ok(None);
        }
        let model = finder.model(MODEL)?;
        let documents = finder.file(DOCUMENTS)?;
        let failed = |error: BoxError| {
            Failure::new(Exit::Environment, format!("cannot measure `{}`", model.path), error)
        };
        let texts = read_documents(&documents.path)
            .map_err(|error| failed(error.into()))?
            .into_iter()
            .map(|document| document.content)
            .collect();
        let embedder = LocalEmbedder::open(&model.path, model.digest, pool).map_err(failed)?;
        Ok(Some(Self { path: model.path, embedder, texts }))
    }

    /// Embeds every document once, each cut at the model's longest text; tokens per second.
    pub(crate) fn round(
        &self,
        samples: &mut Samples,
        cancel: &Cancel,
    ) -> Result<Embedded, BoxError> {
        // The first use of every buffer is not what is measured.
        embed_texts(&self.texts[..self.texts.len().min(8)], &self.embedder, &NoProgress, cancel)?;
        let start = Instant::now();
        let (vectors, num_tokens) = embed_texts(&self.texts, &self.embedder, &NoProgress, cancel)?;
        samples.push(CELL, num_tokens as f64 / start.elapsed().as_secs_f64());
        Ok(Embedded { vectors, num_tokens })
    }

    /// The same for the peers, who also compare their vectors with ours.
    pub(crate) fn peers_task(&self, label: &str, threads: usize, embedded: &Embedded) -> Value {
        let dim = embedded.vectors.len() / self.texts.len();
        let vectors: Vec<&[f32]> = embedded.vectors.chunks(dim).collect();
        json!({
            "area": "embed", "label": label, "format": "minilm", "model": absolute(&self.path),
            "threads": threads, "texts": self.texts, "vectors": vectors,
            "tokens": embedded.num_tokens, "cell": CELL, "cosines": COSINES,
        })
    }
}
