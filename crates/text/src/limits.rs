//! Sizes beyond which foreign text input is refused.

/// Bytes of a `tokenizer.json` or `tokenizer_config.json`. The largest known, of multilingual
/// models with 256 000 tokens, are near 35 MB.
pub const MAX_TOKENIZER_JSON_BYTES: usize = 128 << 20;

/// Ids in a vocabulary, counted from zero to the highest one.
pub const MAX_VOCAB_SIZE: usize = 1 << 21;

/// Bytes of one token's text.
pub const MAX_TOKEN_BYTES: usize = 1 << 16;

/// Bytes compared while the merge rules of SentencePiece BPE are found: for each piece its length
/// times its cuts. Gemma's 262 144 pieces take near 30 million.
pub const MAX_MERGE_BYTES: usize = 1 << 28;

/// Bytes of one text given to [`crate::Tokenizer::encode`].
pub const MAX_TEXT_BYTES: usize = 256 << 20;

/// Bytes of a chat template's source. The largest known are near 20 kB.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;

/// Work one rendering may do: one instruction or 64 bytes of text cost one. It bounds time (tens
/// of milliseconds) and the memory a template can allocate (about 128 MiB).
pub const TEMPLATE_FUEL: u64 = 2_000_000;

/// Bytes of one rendered conversation.
pub const MAX_RENDERED_BYTES: usize = 16 << 20;

/// Bytes of all texts that one vocabulary is learned from: pairs are counted in 31 bits.
pub const MAX_TRAINING_BYTES: u64 = (1 << 31) - 1;
