//! What training refuses.

use thiserror::Error;

/// A method, an adapter or a batch that the model cannot train on. All are to be fixed in the
/// input.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// Prefix tuning of latent attention: PEFT's prefixes have keys and values of one width.
    #[error(
        "`{model_type}` is not trained by prefix tuning: its keys are wider than its values, those of a prefix are not"
    )]
    PrefixOfLatents {
        /// The model's family.
        model_type: &'static str,
    },
    /// An adapter would be empty.
    #[error("`{key}` is {value}, it must be above 0")]
    NotPositive {
        /// The key of the adapter's configuration.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// No projection is adapted.
    #[error("`target_modules` is empty; known: {}", known.join(", "))]
    NoTargets {
        /// All projections.
        known: &'static [&'static str],
    },
    /// The method leaves everything frozen.
    #[error("no tensor of the model is trained: the layers and modules named are not in it")]
    NothingTrained,
    /// A projection that the decoder does not have.
    #[error("`target_modules` names `{name}`; known: {}", known.join(", "))]
    UnknownTarget {
        /// The name.
        name: String,
        /// All projections.
        known: Vec<String>,
    },
    /// The table of tokens or the output head as a target.
    #[error(
        "`target_modules` names `{name}`, beside which no pair is trained; name it in `modules_to_save` to train it whole"
    )]
    TableTarget {
        /// The name.
        name: String,
    },
    /// A projection that the model's files call otherwise, or have in a larger matrix.
    #[error("`target_modules` names `{name}`, which this model has as `{module}`: name that")]
    RenamedTarget {
        /// The name.
        name: String,
        /// Its module's name.
        module: String,
    },
    /// A module to be trained whole that is several projections, or is stored transposed.
    #[error(
        "`modules_to_save` names `{name}`, which is stored fused or transposed: name it in `target_modules`"
    )]
    FusedModule {
        /// The tensor's name.
        name: String,
    },
    /// First values that we do not make.
    #[error("`init_lora_weights` is {value}; known: true, gaussian, pissa, pissa_niter_N")]
    UnknownInit {
        /// The value.
        value: String,
    },
    /// A vector of inputs on a module that has no vector.
    #[error("`feedforward_modules` names `{name}`, which `target_modules` does not")]
    FeedforwardNotTarget {
        /// The name.
        name: String,
    },
    /// A projection whose input others share.
    #[error("`feedforward_modules` names `{name}`, whose input other projections have too")]
    InputShared {
        /// The name.
        name: String,
    },
    /// A module to be trained whole that the model does not have.
    #[error("`modules_to_save` names `{name}`, and no module's name ends so")]
    UnknownModule {
        /// The name.
        name: String,
    },
    /// The output head of a model whose head is its table of tokens.
    #[error("`modules_to_save` names `lm_head`, which is `{table}` in this model: name that")]
    TiedHead {
        /// The table's name.
        table: String,
    },
    /// The table of tokens of such a model beside vectors, whose configuration cannot say that it
    /// stays the head.
    #[error(
        "`modules_to_save` names `embed_tokens`, which is the output head too: IA3 adapters cannot say so"
    )]
    TiedTable,
    /// A method that only decoders have.
    #[error("encoders are not trained by {method}")]
    DecodersOnly {
        /// The method.
        method: &'static str,
    },
    /// An adapter that is put into a model whose method is another.
    #[error("the adapter has no tensor `{name}`, which the model trains")]
    AdapterLacks {
        /// The tensor's key.
        name: String,
    },
    /// An adapter with more than the model trains.
    #[error("the adapter has a tensor `{name}`, which the model does not train")]
    AdapterExtra {
        /// The tensor's key.
        name: String,
    },
    /// An adapter tensor of another shape.
    #[error("adapter tensor `{name}` has shape {found:?}, the model trains {expected:?}")]
    AdapterShape {
        /// The tensor's key.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of what is trained.
        expected: Vec<usize>,
    },
    /// An adapter that is computed otherwise than the model's.
    #[error("the adapter scales `{name}` by {found}{}, the model by {expected}{}", magnitudes(*found_dora), magnitudes(*dora))]
    AdapterScale {
        /// The module.
        name: String,
        /// The adapter's factor.
        found: f64,
        /// Whether the adapter has magnitudes.
        found_dora: bool,
        /// The model's factor.
        expected: f64,
        /// Whether the model has magnitudes.
        dora: bool,
    },
    /// An adapter as the start of a model whose pairs begin with a part of its weights.
    #[error("pairs begin with an adapter or with a part of the weights, not with both")]
    AdapterInit,
    /// An adapter that says nothing about modules it changes.
    #[error("the adapter changes no module")]
    EmptyAdapter,
    /// A batch beside another whose gradients are not all taken.
    #[error(
        "gradients of another batch are left: where the optimizer runs in the backward pass, a step is one micro-step"
    )]
    GradientsLeft,
    /// Tokens, labels and sequence starts do not fit together.
    #[error("batch has {tokens} tokens, {labels} labels and sequence starts {seq_starts:?}")]
    BatchShape {
        /// Number of tokens.
        tokens: usize,
        /// Number of labels.
        labels: usize,
        /// Starts of the sequences; they must ascend from 0.
        seq_starts: Vec<usize>,
    },
    /// The family has no such head.
    #[error("`{model_type}` has no head for {task}")]
    NoHead {
        /// The model's family.
        model_type: String,
        /// What the head would be for.
        task: &'static str,
    },
    /// A sequence is longer than there are positions.
    #[error("a sequence has {tokens} tokens, the model takes {max_tokens}")]
    SequenceTooLong {
        /// Its tokens.
        tokens: usize,
        /// The longest.
        max_tokens: usize,
    },
    /// More tokens than activations were planned for.
    #[error("batch has {tokens} tokens, planned for {max_tokens}")]
    BatchTooLong {
        /// Number of tokens.
        tokens: usize,
        /// Number planned.
        max_tokens: usize,
    },
    /// Token types do not go with the tokens.
    #[error("batch has {tokens} tokens and {types} token types")]
    TypeCount {
        /// Number of tokens.
        tokens: usize,
        /// Number of types.
        types: usize,
    },
    /// Noise does not go with the tokens.
    #[error("batch has {noise} values of noise, its embeddings have {expected}")]
    Noise {
        /// Values of noise.
        noise: usize,
        /// Values of the embeddings.
        expected: usize,
    },
    /// A token type that the model does not know.
    #[error("token type {found} is not below the number of types, {type_vocab_size}")]
    TypeRange {
        /// The type.
        found: u32,
        /// Rows of the table of types.
        type_vocab_size: usize,
    },
    /// A sequence of no tokens has nothing to be pooled.
    #[error("sequence {index} of the batch is empty")]
    EmptySequence {
        /// Its number in the batch.
        index: usize,
    },
    /// A token or label outside the vocabulary.
    #[error("token {token} at position {position} is not below the vocabulary size {vocab_size}")]
    TokenRange {
        /// The token.
        token: u32,
        /// Its position in the batch.
        position: usize,
        /// Rows of the embedding.
        vocab_size: usize,
    },
}

fn magnitudes(are_there: bool) -> &'static str {
    if are_there { " and by magnitudes" } else { "" }
}
