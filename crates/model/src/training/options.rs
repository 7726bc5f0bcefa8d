//! How a model is held while it is trained.

use std::fmt;

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
    /// Whether the gradients of one part of the model after another are taken on the way back
    /// ([`super::TrainModel::next_gradients`]), so that an optimizer changes a layer before the one
    /// below it learns. Only the largest layer's gradients take memory then, and those of what more
    /// than one part learns, such as the table of tokens; a step is one micro-step.
    pub optimizer_in_backward: bool,
}

/// Layers that keep only their input and are computed again on the way back: up to a third as much
/// arithmetic again for them, and a tenth of the memory, a sixth with bf16 products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// None.
    #[default]
    Off,
    /// That many, the first ones.
    Layers(usize),
    /// These.
    Chosen(LayerSet),
    /// All.
    All,
}

/// Words of a [`LayerSet`], a bit for each layer.
const WORDS: usize = 8;

/// Layers by number, from 0.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSet([u64; WORDS]);

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
            optimizer_in_backward: false,
        }
    }
}

impl Recompute {
    /// Whether layer `idx` of `layers` is computed again.
    pub(super) fn covers(self, idx: usize, layers: usize) -> bool {
        match self {
            Self::Off => false,
            Self::Layers(count) => idx < count.min(layers),
            Self::Chosen(chosen) => chosen.contains(idx),
            Self::All => true,
        }
    }

    /// How many of `layers` are computed again.
    pub fn count(self, layers: usize) -> usize {
        (0..layers).filter(|&idx| self.covers(idx, layers)).count()
    }
}

impl LayerSet {
    /// Layers that a set can hold: more than any model has.
    pub const MAX_LAYERS: usize = 64 * WORDS;

    /// The set of some layers, in any order; `None` if one is not below [`Self::MAX_LAYERS`].
    pub fn new(layers: impl IntoIterator<Item = usize>) -> Option<Self> {
        let mut set = Self::default();
        for layer in layers {
            *set.0.get_mut(layer / 64)? |= 1u64 << (layer % 64);
        }
        Some(set)
    }

    /// Whether a layer is in it.
    pub fn contains(self, layer: usize) -> bool {
        self.0.get(layer / 64).is_some_and(|word| (word >> (layer % 64)) & 1 == 1)
    }
}

impl fmt::Debug for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..Self::MAX_LAYERS).filter(|&layer| self.contains(layer))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_layers_that_it_was_given() {
        let set = LayerSet::new([64, 0, 63, 511, 0]).unwrap();
        assert_eq!(format!("{set:?}"), "{0, 63, 64, 511}");
        assert!(!set.contains(1) && !set.contains(LayerSet::MAX_LAYERS));
        assert_eq!(LayerSet::new([LayerSet::MAX_LAYERS]), None);
        assert_eq!(LayerSet::new(0..512).map(|all| all.contains(400)), Some(true));
    }

    #[test]
    fn layers_computed_again_are_counted() {
        let chosen =
            |layers: &[usize]| Recompute::Chosen(LayerSet::new(layers.iter().copied()).unwrap());
        for (recompute, count) in [
            (Recompute::Off, 0),
            (Recompute::Layers(2), 2),
            (Recompute::Layers(9), 5),
            (chosen(&[4, 1]), 2),
            (chosen(&[4, 7]), 1),
            (Recompute::All, 5),
        ] {
            assert_eq!(recompute.count(5), count, "{recompute:?}");
        }
        assert!(chosen(&[1]).covers(1, 5) && !chosen(&[1]).covers(0, 5));
    }
}
