//! Plain data types that cross a boundary of Catena: between crates, over HTTP, or in a file.
//!
//! Nothing here computes, beyond reading and writing its own notation. A type belongs here when two layers, or
//! Catena and somebody else's program, must agree on its shape. **Invariant:** this crate depends
//! on none of ours.

mod chat;
mod chat_message;
mod curated_set;
mod date;
mod document;
mod mark;
mod progress;
mod report;
mod sample;

pub use chat::{FinishReason, Message, Role, Usage};
pub use chat_message::{ChatMessage, FunctionCall, ToolCall};
pub use curated_set::{CuratedSet, DropCount, LengthBar, MaskAudit, MaskedSample};
pub use date::Date;
pub use document::{Chunk, Citation, Document, Passage, Span};
pub use mark::{Mark, marks, without_marks};
pub use progress::{Cancel, CancelAfter, NoProgress, Progress};
pub use report::{
    AnswerReport, EvaluationPoint, LossPoint, QualityMetrics, RetrievalMetrics, RetrievalReport,
    RunReport, SpeedPoint, StageReport, StageStatus, TrainingRun,
};
pub use sample::{
    ChatExtras, ChatSample, ClassificationSample, CompletionSample, Content, EmbeddingSample,
    Label, PreferenceSample, RerankSample, TextSample, TokenLabelSample, TrainingSample,
    UnpairedSample,
};
