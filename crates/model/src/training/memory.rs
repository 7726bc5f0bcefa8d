//! What a model that is trained takes.

use super::params::Param;

/// Memory of a model that is trained, in bytes.
///
/// What a model takes and what is said before it is made come from the same code. Left out are a
/// megabyte or two per thread for panels that are made while they are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainMemory {
    /// Frozen weights as they are held.
    pub weights: usize,
    /// Trained values, and the first ones where those are a part of the base.
    pub values: usize,
    /// Gradients that exist at once.
    pub gradients: usize,
    /// What each layer keeps from the forward pass for the way back.
    pub activations: usize,
    /// What one layer after another, and the head, work in.
    pub working: usize,
    /// What is held beside weights and values while they are loaded, and not later: the largest
    /// tensor as f32.
    pub loading: usize,
}

/// A model that was not made yet.
#[derive(Clone, Debug)]
pub struct TrainPlan {
    /// What it will take.
    pub memory: TrainMemory,
    /// What will be trained.
    pub params: Vec<Param>,
    /// Number of layers, which may be computed again on the way back.
    pub layers: usize,
}

impl TrainMemory {
    /// The most at a time: activations are first used when loading is done.
    pub fn peak(&self) -> usize {
        let later = self.activations.saturating_add(self.working);
        let held = self.weights.saturating_add(self.values).saturating_add(self.gradients);
        held.saturating_add(self.loading.max(later))
    }
}
