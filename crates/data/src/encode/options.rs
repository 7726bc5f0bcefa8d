//! What is trained on, and what becomes of rows that are too long.

/// Which tokens the loss counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrainOn {
    /// Every turn of the assistant that is not marked as one to leave out.
    #[default]
    AllTurns,
    /// The assistant's last turn; LLaMA-Factory's `mask_history`.
    LastTurn,
    /// The prompt too, marked turns or not; LLaMA-Factory's `train_on_prompt`.
    Everything,
}

/// What a row that is too long loses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truncation {
    /// Its end.
    #[default]
    End,
    /// Its begin, so that the last answer stays.
    Start,
    /// Some of every turn's prompt and answer, as LLaMA-Factory's `cutoff_len`: the shorter of the
    /// two is kept whole where it takes less than half of the room. With [`TrainOn::LastTurn`] the
    /// last turns come first.
    Turns,
}

/// How the assistant's words are found in a rendered conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Masking {
    /// By the template's own `{% generation %}` marks if it has them, else as [`Masking::Prefix`].
    #[default]
    Auto,
    /// By rendering the conversation up to each turn.
    Prefix,
}

/// How samples are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Most tokens of a row.
    pub max_tokens: usize,
    /// What the loss counts.
    pub train_on: TrainOn,
    /// What a row that is too long loses.
    pub truncation: Truncation,
    /// How the assistant's words are found.
    pub masking: Masking,
    /// Tokens that end a turn, beside the tokenizer's end token: those of the model's
    /// configuration.
    pub end_tokens: Vec<u32>,
    /// Whether to keep and train what a template writes after the token that ends a turn, often a
    /// line end. The model never writes it in serving; TRL trains it.
    pub train_after_end: bool,
    /// Whether control tokens written in plain text, `<|im_end|>` for one, are read as those tokens.
    /// Serving takes them for text; turn this on for texts that were formatted by hand.
    pub control_tokens_in_text: bool,
    /// Of packed texts: whether they are one text, each seeing what stands before it in its row and
    /// its first token predicted by the last of the one before.
    pub join_texts: bool,
}

impl EncodeOptions {
    /// Rows of at most `max_tokens`; loss on every answer; the end is cut.
    pub fn new(max_tokens: usize) -> Self {
        Self {
            max_tokens,
            train_on: TrainOn::default(),
            truncation: Truncation::default(),
            masking: Masking::default(),
            end_tokens: Vec::new(),
            train_after_end: false,
            control_tokens_in_text: false,
            join_texts: false,
        }
    }
}
