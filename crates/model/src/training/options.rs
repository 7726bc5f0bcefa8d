//! How a model is held while it is trained.

use catena_kernels::DenseType;

/// How a model is held while it is trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainOptions {
    /// Most tokens of a micro-step: what memory is taken for.
    pub max_tokens: usize,
    /// Longest sequence, which decides which factors a family takes that has others for long ones; as
    /// long as a micro-step if none is given.
    pub longest: Option<usize>,
    /// Element type of products; sums are f32. By default the fastest of the machine that keeps 8
    /// bits.
    pub dtype: DenseType,
    /// Form of frozen float weights.
    pub frozen: DenseType,
    /// Whether frozen blocks of a file stay blocks, instead of being unpacked once into
    /// [`Self::frozen`].
    pub keep_blocks: bool,
    /// Layers that are computed again on the way back.
    pub recompute: Recompute,
}

/// Layers that keep only their input and are computed again on the way back: half as much
/// arithmetic again for them, and a tenth of the memory, a sixth with bf16 products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// None.
    #[default]
    Off,
    /// That many, the first ones.
    Layers(usize),
    /// All.
    All,
}

impl TrainOptions {
    /// For micro-steps of up to `max_tokens` tokens.
    pub fn new(max_tokens: usize) -> Self {
        TrainOptions {
            max_tokens,
            longest: None,
            dtype: DenseType::fastest(),
            frozen: DenseType::Bf16,
            keep_blocks: true,
            recompute: Recompute::Off,
        }
    }
}

impl Recompute {
    /// Whether layer `idx` of `layers` is computed again.
    pub(super) fn covers(self, idx: usize, layers: usize) -> bool {
        match self {
            Self::Off => false,
            Self::Layers(count) => idx < count.min(layers),
            Self::All => true,
        }
    }
}
