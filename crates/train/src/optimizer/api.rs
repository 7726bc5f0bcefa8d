//! What every optimizer can do.

use super::memory::{OptimizerMemory, StateTensor};
use crate::error::TrainError;
use catena_kernels::Pool;
use std::ops::Range;

/// A rule that moves values along their gradients, with the state it keeps between steps.
pub trait Optimizer: Send {
    /// What it is called in configurations and errors.
    fn name(&self) -> &'static str;

    /// Number of values of all tensors.
    fn num_values(&self) -> usize;

    /// One step along `grad_scale * grads`; a scale below 1 clips by norm.
    ///
    /// The same bits for any number of threads; nothing is allocated.
    ///
    /// # Panics
    /// If the lengths are not those of the tensors given at the start.
    fn step(
        &mut self,
        pool: &Pool,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        self.begin_step();
        self.apply(pool, &(0..self.num_values()), values, grads, grad_scale, learning_rate);
    }

    /// Begins a step that [`Self::apply`] makes part by part.
    fn begin_step(&mut self) {
        self.memory_mut().next_step();
    }

    /// What [`Self::step`] does to the tensors that lie in `range` of the flat vector, whose values
    /// and gradients are given. A step made of parts, in any order, has the bits of a whole one.
    ///
    /// # Panics
    /// If the range has a part of a tensor, or the lengths are not its own.
    fn apply(
        &mut self,
        pool: &Pool,
        range: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    );

    /// The state, as the methods below read and change it.
    fn memory(&self) -> &OptimizerMemory;

    /// The state, to be changed.
    fn memory_mut(&mut self) -> &mut OptimizerMemory;

    /// Steps done.
    fn steps(&self) -> u64 {
        self.memory().steps()
    }

    /// All that a later [`Self::restore`] needs, beside the number of steps.
    fn state(&self) -> Vec<StateTensor<'_>> {
        self.memory().tensors()
    }

    /// Puts saved state in place, in any order of its tensors.
    ///
    /// # Errors
    /// [`TrainError::MissingState`], [`TrainError::UnknownState`] or [`TrainError::StateMismatch`]
    /// name the first tensor that does not fit; nothing is changed then.
    fn restore(&mut self, steps: u64, saved: &[StateTensor<'_>]) -> Result<(), TrainError> {
        let name = self.name();
        self.memory_mut().restore(name, steps, saved)
    }

    /// Memory of the state.
    fn state_bytes(&self) -> usize {
        self.memory().num_bytes()
    }

    /// Memory that a step works in.
    fn scratch_bytes(&self) -> usize {
        0
    }
}
