//! Corpus: what is known of a text, and what is done to it.
//!
//! Operators over documents, as plain functions and small state machines; how they are put
//! together into a plan, run over files and accounted for is the business of the crates above.
//!
//! **Invariant:** an operator is deterministic: the same text, settings and seed give the same
//! result, whatever the machine and however many threads work.

mod analysis;
mod byte_map;
mod classes;
mod decontaminate;
mod dedup;
mod error;
mod json_text;
mod language;
mod mix;
mod nearest;
mod ngrams;
mod normalize;
mod pack;
mod pii;
mod quality;
mod repair;
mod rules;
mod seeded;
mod select;
mod semantic;
mod sink;
mod source;
mod split;
mod spool;
mod text_filter;
mod text_hash;
mod urls;
mod web;
mod words;

pub use analysis::{Analyser, Families, Family, MAX_TEXT_BYTES, Measure, TextProfile, measures};
pub use decontaminate::{BenchmarkItem, Contamination, DecontaminationOptions, Decontaminator};
pub use dedup::{
    Duplicate, ExactDedup, FirstOfEach, Hashing, JoinReport, KeyOptions, Keys, Linking,
    MinHashConfig, NearDedup, NearDuplicate, NearDuplicates, NearIndex, RepeatedSpans, Scratch,
    Shingle, ShingleHash, Signer, SubstringDedup, SubstringReport, TextPart, Unrepeated,
    best_banding, content_key, datatrove_text, drop_repeated_parts, first_of_each, mix, near_copy,
    without_spans,
};
pub use error::CorpusError;
pub use language::{
    ChineseScript, FastText, Language, LanguageDetector, Prediction, Script, ScriptShares,
};
pub use mix::{
    Interleave, Interleaving, MixOptions, MixPlan, MixRow, MixSource, Shortfall, draw_documents,
    plan_mix,
};
pub use nearest::{nearest, perhaps};
pub use ngrams::Spelling;
pub use normalize::normalize;
pub use pack::{
    ConcatPacker, DataTroveWriter, DocumentEnds, DolmaWriter, MegatronWriter, NumpyWriter,
    PackPlan, PackReport, Packing, Piece, SHARD_FORMATS, SequenceOptions, SequenceReport,
    Sequences, ShardFormat, ShardInfo, ShardOptions, ShardSet, ShardWriter, TokenShard, TokenWidth,
    WrittenShard, best_fit, document_tokens, open_datatrove, open_megatron, shard_writer,
    shuffle_windows,
};
pub use pii::{
    LabelledSpan, LabelledText, Masked, PiiAudit, PiiMatch, PiiRule, PiiSample, PiiTally,
    PseudonymStyle, Pseudonyms, find_pii, mask, tally_pii,
};
pub use quality::{DocumentScorer, ScoreRule, score_column};
pub use repair::{Charset, RepairFix, RepairOptions, Repaired, repair};
pub use rules::{
    Bound, C4LineEnd, Failure, Rule, RuleSet, edit_c4, edit_refinedweb, rule_set, rule_set_names,
};
pub use select::{
    Budget, Curriculum, Diversity, ImportanceModel, ImportanceOptions, Order, ScoreKind,
    TEXT_SCORES, UnigramCounts, curriculum_order, gumbel_top_k, hashed_embeddings, select_diverse,
    select_percentile, select_top, text_scorer,
};
pub use semantic::{
    Clustering, Embeddings, Judge, KMeansOptions, KeepRule, MAX_PAIRS, SimilarPairs, cosine_pairs,
    semantic_pairs, spherical_kmeans,
};
pub use sink::{
    Column, ColumnKind, ColumnTypes, DocumentRow, DocumentWriter, Layout, LineBlock, Metadata,
    SinkFormat, WriteOptions, WrittenFile,
};
pub use source::{
    BadReason, BadRow, Compression, FieldReader, FieldRow, Format, LentDocument, ListedFile,
    LocalFiles, Markup, Opener, Part, PathKind, Place, ReadOptions, Row, Sample, SetCard, Shard,
    ShardReader, SourceDocument, SourceLimits, Step, TextBy, change_texts, change_turns,
    join_turns, plan_shards, read_text, set_card,
};
pub use split::{SplitItem, SplitOptions, SplitPart, SplitReport, SplitRow, split, stable_split};
pub use spool::DocumentSpool;
pub use urls::{UrlFilter, UrlLists, UrlReason};
pub use web::{
    BoilerplateReason, DroppedLine, ExtractOptions, Extracted, PageFormat, WithoutBoilerplate,
    extract_html, remove_boilerplate,
};
pub use words::{
    EnglishTokenizer, Sentences, Word, count_sentences, is_letter, is_space, is_symbol,
    is_terminal_punctuation, sentence_starts,
};
