//! What all optimizers share: the vector in parts, each with its place in the state.

use super::api::Optimizer;
use super::memory::OptimizerMemory;
use super::tensor::{Part, TrainedTensor, num_values, parts};
use catena_kernels::Pool;
use std::ops::Range;

/// The parts of the vector, each with where its state lies.
pub(super) type Placed<P> = Vec<(Part, P)>;

/// How one optimizer moves a part of the vector, and what state it keeps for it.
pub(super) trait Rule: Send + Sized {
    /// Its hyper-parameters.
    type Config;
    /// Where the state of one part lies.
    type Place: Send;

    /// What the optimizer is called in configurations and errors.
    const NAME: &'static str;

    /// The rule before its first step, with its state added to `memory`.
    fn begin(
        config: Self::Config,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Self::Place>);

    /// Moves one part, or whole tensors of it.
    fn update(
        &mut self,
        step: &mut PartStep<'_>,
        place: &Self::Place,
        memory: &mut OptimizerMemory,
    );

    /// Memory that a step works in.
    fn scratch_bytes(&self) -> usize {
        0
    }
}

/// One step of one part.
pub(super) struct PartStep<'a> {
    pub(super) pool: &'a Pool,
    /// The number of the step, from 1.
    pub(super) number: u64,
    /// The rate of the step, before the part's factor.
    pub(super) learning_rate: f64,
    pub(super) grad_scale: f32,
    pub(super) part: &'a Part,
    /// How many values of the part stand before these: neighbouring tensors may come one by one.
    pub(super) first: usize,
    /// Values of the part, and their gradients: whole tensors.
    pub(super) values: &'a mut [f32],
    pub(super) grads: &'a [f32],
}

impl PartStep<'_> {
    /// The rate of these values.
    pub(super) fn rate(&self) -> f64 {
        self.learning_rate * self.part.learning_rate_factor
    }

    /// The decay that applies to these values.
    pub(super) fn decay(&self, weight_decay: f64) -> f64 {
        self.part.decay(weight_decay)
    }

    /// Where the state of these values lies in that of the part, which has one value for each.
    pub(super) fn within(&self, state: &Range<usize>) -> Range<usize> {
        let start = state.start + self.first;
        start..start + self.values.len()
    }
}

/// An optimizer that moves one part after another by a rule.
pub(super) struct Partwise<R: Rule> {
    rule: R,
    /// In the order of the vector.
    parts: Placed<R::Place>,
    /// Where tensors begin.
    starts: Vec<usize>,
    num_values: usize,
    memory: OptimizerMemory,
}

impl<R: Rule> Partwise<R> {
    /// An optimizer before its first step, with its state in `memory`, which must be empty.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub(super) fn new(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: R::Config,
    ) -> Self {
        let num_values = num_values(tensors);
        let (rule, parts) = R::begin(config, tensors, &mut memory);
        let starts = tensors.iter().map(|tensor| tensor.range.start).collect();
        Self { rule, parts, starts, num_values, memory }
    }

    /// Asserts that a range of the vector has whole tensors, and the lengths of its vectors.
    fn check(&self, range: &Range<usize>, values: &[f32], grads: &[f32]) {
        let is_between = |at| at == self.num_values || self.starts.binary_search(&at).is_ok();
        let whole = [range.start, range.end].into_iter().all(is_between);
        assert!(whole, "{range:?} of {} trained values has a part of a tensor", self.num_values);
        assert_eq!(values.len(), range.len(), "values of the trained tensors");
        assert_eq!(grads.len(), range.len(), "gradients of the trained tensors");
    }
}

impl<R: Rule> Optimizer for Partwise<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn num_values(&self) -> usize {
        self.num_values
    }

    fn apply(
        &mut self,
        pool: &Pool,
        range: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        self.check(range, values, grads);
        let number = self.memory.steps();
        let first = self.parts.partition_point(|(part, _)| part.range.end <= range.start);
        let parts = self.parts[first..].iter().take_while(|(part, _)| part.range.start < range.end);
        for (part, place) in parts {
            let start = part.range.start.max(range.start);
            let end = part.range.end.min(range.end);
            let own = start - range.start..end - range.start;
            let mut step = PartStep {
                pool,
                number,
                learning_rate,
                grad_scale,
                part,
                first: start - part.range.start,
                values: &mut values[own.clone()],
                grads: &grads[own],
            };
            self.rule.update(&mut step, place, &mut self.memory);
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }

    fn scratch_bytes(&self) -> usize {
        self.rule.scratch_bytes()
    }
}

/// State of `N` kinds with one value of each for every trained value, kind after kind, so that
/// neighbouring tensors make one part.
pub(super) fn place_alike<const N: usize>(
    kinds: [&str; N],
    tensors: &[TrainedTensor],
    memory: &mut OptimizerMemory,
) -> Placed<[Range<usize>; N]> {
    for kind in kinds {
        for tensor in tensors {
            memory.add_floats(&tensor.name, kind, &tensor.shape);
        }
    }
    let num_values = num_values(tensors);
    let place = |part: Part| {
        let Range { start, end } = part.range;
        let of_kind = |kind: usize| start + kind * num_values..end + kind * num_values;
        (part, std::array::from_fn(of_kind))
    };
    parts(tensors).into_iter().map(place).collect()
}

/// State that `place` adds tensor by tensor: each is a part.
pub(super) fn place_each<P>(
    tensors: &[TrainedTensor],
    place: impl FnMut(&TrainedTensor) -> P,
) -> Placed<P> {
    tensors.iter().map(Part::of).zip(tensors.iter().map(place)).collect()
}
