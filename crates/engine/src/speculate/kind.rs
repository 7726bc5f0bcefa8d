//! Which way tokens are guessed.

/// How tokens are guessed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speculation {
    /// Not at all.
    Off,
    /// By what followed the same words earlier in the prompt or the output: worth much where answers
    /// quote, repeat or rewrite their context, and free where they do not. By a draft model as well,
    /// where the engine has one and the context has nothing better.
    #[default]
    On,
}
