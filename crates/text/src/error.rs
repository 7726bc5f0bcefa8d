//! What can go wrong with tokenizers and templates.

use thiserror::Error;

/// An error of the tokenizer library, whose type it erases itself.
pub type ToolError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Everything that this crate refuses. All variants say: fix the input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TextError {
    /// A tokenizer file is larger than any real one.
    #[error("tokenizer file has {bytes} bytes, limit is {limit}")]
    TokenizerTooLarge {
        /// Size found.
        bytes: usize,
        /// Largest size read.
        limit: usize,
    },
    /// `tokenizer.json` is not what the format says.
    #[error("tokenizer.json cannot be read")]
    TokenizerJson(#[source] ToolError),
    /// `tokenizer_config.json` is not JSON.
    #[error("tokenizer_config.json cannot be read")]
    ConfigJson(#[source] serde_json::Error),
    /// The vocabulary's pieces do not make a tokenizer.
    #[error("vocabulary cannot be built")]
    Vocab(#[source] ToolError),
    /// A vocabulary kind that we cannot run.
    #[error("tokenizer model `{found}` is not supported; supported: {}", known.join(", "))]
    UnsupportedModel {
        /// Kind named by the file.
        found: String,
        /// Kinds we run.
        known: &'static [&'static str],
    },
    /// A pre-tokenizer that we do not know.
    #[error("pre-tokenizer `{found}` is not supported; supported: {}", known.join(", "))]
    UnsupportedPreTokenizer {
        /// Name in the file.
        found: String,
        /// Names we know.
        known: Vec<&'static str>,
    },
    /// A vocabulary without a token.
    #[error("vocabulary has no tokens")]
    EmptyVocab,
    /// More ids than any real vocabulary.
    #[error("vocabulary has {found} ids, limit is {limit}")]
    VocabTooLarge {
        /// Highest id plus one.
        found: usize,
        /// Most ids accepted.
        limit: usize,
    },
    /// One token is absurdly long.
    #[error("token {id} has {bytes} bytes, limit is {limit}")]
    TokenTooLong {
        /// The token.
        id: usize,
        /// Its length.
        bytes: usize,
        /// Longest accepted.
        limit: usize,
    },
    /// Two ids with one text.
    #[error("token `{token}` has two ids, {first} and {second}")]
    DuplicateToken {
        /// The text.
        token: String,
        /// Its first id.
        first: u32,
        /// Its second id.
        second: u32,
    },
    /// The list of token types has another length than the list of tokens.
    #[error("vocabulary has {tokens} tokens but {types} token types")]
    TokenTypeCount {
        /// Tokens found.
        tokens: usize,
        /// Types found.
        types: usize,
    },
    /// The list of scores has another length than the list of tokens.
    #[error("vocabulary has {tokens} tokens but {scores} scores")]
    ScoreCount {
        /// Tokens found.
        tokens: usize,
        /// Scores found.
        scores: usize,
    },
    /// A score is infinite or not a number.
    #[error("token {id} has score {score}, expected a finite number")]
    BadScore {
        /// The token.
        id: usize,
        /// Its score.
        score: f32,
    },
    /// Pieces are so long that their merge rules cannot be found in bounded time.
    #[error("pieces need {found} bytes of comparisons to find their merge rules, limit is {limit}")]
    PiecesTooLong {
        /// Bytes found so far.
        found: usize,
        /// Most bytes compared.
        limit: usize,
    },
    /// A merge rule names a piece that does not exist.
    #[error("merge rule {merge_idx} is `{rule}`, but the vocabulary has no token `{missing}`")]
    UnknownMerge {
        /// Position in the list.
        merge_idx: usize,
        /// Its text.
        rule: String,
        /// The piece, or what the rule makes.
        missing: String,
    },
    /// A merge rule is not two pieces with a space between.
    #[error("merge rule {merge_idx} is `{rule}`, expected two pieces and a space between")]
    BadMerge {
        /// Position in the list.
        merge_idx: usize,
        /// Its text.
        rule: String,
    },
    /// A special token's id does not exist.
    #[error("{which} token has id {id}, vocabulary has {vocab_size} ids")]
    SpecialTokenId {
        /// bos, eos, unk, pad or sep.
        which: &'static str,
        /// The id named.
        id: u32,
        /// Ids that exist.
        vocab_size: usize,
    },
    /// A vocabulary to learn has no room for all bytes and special tokens.
    #[error("a vocabulary of {found} tokens is too small: bytes and special tokens are {least}")]
    VocabTooSmall {
        /// Tokens asked for.
        found: usize,
        /// Fewest that hold every text.
        least: usize,
    },
    /// A special token of a vocabulary to learn could be learned as a word as well.
    #[error("special token `{token}` is one word of a text; put it between brackets")]
    SpecialTokenIsWord {
        /// Its text.
        token: String,
    },
    /// Nothing to learn a vocabulary from.
    #[error("there is no text to learn a vocabulary from")]
    NoTrainingText,
    /// More text than the pairs of a vocabulary can be counted in.
    #[error("there are more than {limit} bytes of text to learn a vocabulary from; take a part")]
    TrainingTextTooLong {
        /// Most bytes.
        limit: u64,
    },
    /// Learning a vocabulary was cancelled.
    #[error("learning the vocabulary was stopped")]
    TrainingCancelled,
    /// A text to encode is too long.
    #[error("text has {bytes} bytes, limit is {limit}")]
    TextTooLong {
        /// Size found.
        bytes: usize,
        /// Largest accepted.
        limit: usize,
    },
    /// A limit on tokens that the framing tokens alone exceed.
    #[error("{max_tokens} tokens do not hold the {added} that frame a text")]
    NoRoom {
        /// The limit asked for.
        max_tokens: usize,
        /// Special tokens around the text.
        added: usize,
    },
    /// The tokenizer could not encode a text.
    #[error("text cannot be encoded")]
    Encode(#[source] ToolError),
    /// The tokenizer library broke on this tokenizer file; contained, and the file's fault.
    #[error("tokenizer is inconsistent: the library stopped while {doing}")]
    Inconsistent {
        /// What was going on.
        doing: &'static str,
    },
    /// A chat template's source is too large.
    #[error("chat template has {bytes} bytes, limit is {limit}")]
    TemplateTooLarge {
        /// Size found.
        bytes: usize,
        /// Largest accepted.
        limit: usize,
    },
    /// A chat template does not parse.
    #[error("chat template does not parse")]
    TemplateSyntax(#[source] Box<minijinja::Error>),
    /// A chat template failed while rendering.
    #[error("chat template cannot be rendered")]
    TemplateRender(#[source] Box<minijinja::Error>),
    /// A chat template refused the conversation by `raise_exception`.
    #[error("chat template refuses this conversation: {message}")]
    TemplateRefused {
        /// The template's own words.
        message: String,
    },
    /// A chat template takes the text of a `{% generation %}` block apart.
    #[error("chat template cuts a `generation` block apart (near byte {offset} of its text)")]
    TemplateMarks {
        /// Where the mark without its counterpart stands.
        offset: usize,
    },
    /// A conversation or template holds a character that marks what the assistant wrote.
    #[error("U+FDD0 and U+FDD1, which no text may hold, stand in the conversation or its template")]
    ReservedCharacter,
    /// A chat template worked longer than any real one.
    #[error("chat template did not end within {limit} units of work")]
    TemplateFuel {
        /// Units allowed.
        limit: u64,
    },
    /// A chat template wrote more than allowed.
    #[error("chat template wrote more than {limit} bytes")]
    TemplateOutput {
        /// Bytes allowed.
        limit: usize,
    },
}
