//! What is trained, and how much at once.

use std::fmt;
use std::str::FromStr;

/// What a step trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Pairs of rank 16 on all projections of a model held in bf16.
    Lora,
    /// The same, with the loss on the last quarter of each sequence.
    Answers,
    /// All weights.
    Full,
    /// All weights, each layer moved on the way back, and its gradient clipped tensor by tensor.
    Fused,
    /// Pairs of rank 16 beside the 4-bit blocks of a Llama of 1.1 billion weights, which are random.
    Qlora,
}

/// A step of `sequences` of `tokens` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) kind: Kind,
    pub(super) sequences: usize,
    pub(super) tokens: usize,
}

impl Task {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Task; 6] = [
        Task { kind: Kind::Lora, sequences: 4, tokens: 256 },
        Task { kind: Kind::Lora, sequences: 2, tokens: 1024 },
        Task { kind: Kind::Answers, sequences: 4, tokens: 256 },
        Task { kind: Kind::Full, sequences: 4, tokens: 256 },
        Task { kind: Kind::Fused, sequences: 4, tokens: 256 },
        Task { kind: Kind::Qlora, sequences: 4, tokens: 512 },
    ];

    /// Whether all weights learn.
    pub(super) fn is_full(self) -> bool {
        matches!(self.kind, Kind::Full | Kind::Fused)
    }

    /// Whether PyTorch has it too.
    pub(super) fn has_peer(self) -> bool {
        !matches!(self.kind, Kind::Fused | Kind::Qlora)
    }

    /// The cell of its speed.
    pub(super) fn cell(self) -> String {
        format!("train/{self}")
    }

    /// The cell of its peak memory.
    pub(super) fn memory_cell(self) -> String {
        format!("train/{self}/peak")
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Lora => "lora",
            Kind::Answers => "answers",
            Kind::Full => "full",
            Kind::Fused => "fused",
            Kind::Qlora => "qlora",
        };
        write!(f, "{kind}/{}x{}", self.sequences, self.tokens)
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter();
        known.clone().find(|task| task.to_string() == name).ok_or_else(|| {
            format!("known: {}", known.map(|task| task.to_string()).collect::<Vec<_>>().join(", "))
        })
    }
}
