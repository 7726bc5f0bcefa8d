//! Knowledge: documents are split, indexed, retrieved, quoted and cited.
//!
//! The flow, in the order a document takes it:
//!
//! ```text
//! Document --split--> Chunks --Index::build--> a folder --Index::open, search--> Passages
//!          --build_prompt--> Messages --(a model)--> answer --cite--> Citations
//! ```
//!
//! * [`split`] cuts on Markdown structure and sentences, by the embedder's own token count; a
//!   chunk's text is always exactly `content[span]`.
//! * [`Index`] holds a keyword side (BM25, English stems and Chinese words) and a dense side
//!   (exact cosine); [`Index::search`] fuses them by reciprocal rank.
//! * [`Grounding`] picks the sentences of a passage that answer a question, byte-exact.
//! * [`build_prompt`] is the one place that words the prompt: synthesis, training, evaluation
//!   and serving all call it, so that the model is asked as it was taught.
//! * [`cite`] turns the marks of an answer into byte ranges of documents.
//!
//! **Invariant:** nothing here knows a model: texts become vectors through the trait
//! [`Embedder`] and are scored through [`Classifier`], which the binary implements. A search gives the same answer in every run and
//! after every restart; ties are broken by the order of the chunks.

mod cite;
mod classifier;
mod embedder;
mod error;
mod ground;
mod index;
mod prompt;
mod sentence;
mod split;
#[cfg(test)]
mod test_embedder;
mod words;

pub use cite::{Cited, cite, cite_statements};
pub use classifier::{Classifier, TextOrPair};
pub use embedder::Embedder;
pub use error::KnowledgeError;
pub use ground::{Grounded, Grounding};
pub use index::{BuildReport, DocumentHit, Index, Method, embed_texts};
pub use prompt::build_prompt;
pub use sentence::sentences;
pub use split::{SplitConfig, embedding_text, split};
