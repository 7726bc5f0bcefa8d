//! Gradients of what is trained: of everything, or of one part of the model after another.

use std::ops::Range;

/// Which values belong to which part of the model, in the order of the flat vector.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Those before the layers': tables, and what all layers have in common. Their gradient is whole
    /// at the end of the way back only: a head that is the table of tokens adds to it first.
    pub(super) shared: Range<usize>,
    /// Those of each layer.
    pub(super) layers: Vec<Range<usize>>,
    /// Those of what stands on the trunk.
    pub(super) head: Range<usize>,
}

impl Parts {
    /// Number of all values.
    fn all(&self) -> usize {
        self.head.end
    }

    /// Values of the largest part that has its gradient to itself.
    fn largest(&self) -> usize {
        self.layers.iter().chain([&self.head]).map(Range::len).max().unwrap_or(0)
    }
}

/// Memory of gradients.
///
/// By part, gradients of the shared values keep their place, and those of one other part at a time
/// stand behind them.
#[derive(Debug, Default)]
pub(super) struct Grads {
    held: Vec<f32>,
    /// How many of the first values have a gradient that keeps its place.
    fixed: usize,
    /// The part whose gradient stands behind them.
    part: Range<usize>,
    by_part: bool,
}

impl Grads {
    /// Gradients that exist at once.
    pub(super) fn count(parts: &Parts, by_part: bool) -> usize {
        if by_part { parts.shared.len() + parts.largest() } else { parts.all() }
    }

    /// Zeros; none if `takes` says that memory is only counted.
    pub(super) fn new(parts: &Parts, by_part: bool, takes: bool) -> Self {
        let held = vec![0.0; if takes { Self::count(parts, by_part) } else { 0 }];
        let fixed = if by_part { parts.shared.len() } else { parts.all() };
        Grads { held, fixed, part: fixed..fixed, by_part }
    }

    /// Whether only the gradients of one part exist at a time.
    pub(super) fn by_part(&self) -> bool {
        self.by_part
    }

    /// All that are held: those of all values, unless they are held by part.
    pub(super) fn held(&self) -> &[f32] {
        &self.held
    }

    /// Starts new sums.
    pub(super) fn clear(&mut self) {
        self.held.fill(0.0);
    }

    /// Makes room for the gradient of a part, zero at first, in the place of that of another. Nothing
    /// happens if all gradients have a place of their own.
    pub(super) fn open(&mut self, part: &Range<usize>) {
        if part.start >= self.fixed {
            self.held[self.fixed..][..part.len()].fill(0.0);
            self.part = part.clone();
        }
    }

    /// The gradient of some values.
    ///
    /// # Panics
    /// If it is not held at the time.
    pub(super) fn of(&mut self, values: &Range<usize>) -> &mut [f32] {
        let place = self.place(values);
        let place = place.unwrap_or_else(|| panic!("the gradient of {values:?} is not held"));
        &mut self.held[place]
    }

    /// The gradient of some values, if it is held at the time.
    pub(super) fn find(&self, values: &Range<usize>) -> Option<&[f32]> {
        Some(&self.held[self.place(values)?])
    }

    fn place(&self, values: &Range<usize>) -> Option<Range<usize>> {
        if values.end <= self.fixed {
            return Some(values.clone());
        }
        let is_there = self.part.start <= values.start && values.end <= self.part.end;
        let moved = |at: usize| self.fixed + (at - self.part.start);
        is_there.then(|| moved(values.start)..moved(values.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        Parts { shared: 0..3, layers: vec![3..5, 5..9, 9..9], head: 9..10 }
    }

    #[test]
    fn the_gradient_of_a_part_takes_the_place_of_that_of_another() {
        let mut grads = Grads::new(&parts(), true, true);
        assert_eq!(grads.held().len(), 3 + 4);
        grads.open(&(9..10));
        grads.of(&(1..3)).fill(1.0);
        grads.of(&(9..10)).fill(2.0);
        grads.open(&(5..9));
        assert_eq!(grads.find(&(9..10)), None);
        assert_eq!(grads.of(&(6..8)), [0.0; 2], "nothing of the head is left");
        grads.of(&(6..8)).fill(3.0);
        assert_eq!(grads.find(&(5..9)), Some(&[0.0, 3.0, 3.0, 0.0][..]));
        assert_eq!(grads.find(&(0..3)), Some(&[0.0, 1.0, 1.0][..]));
        // A part without values.
        grads.open(&(9..9));
        assert_eq!(grads.of(&(9..9)), [0.0; 0]);
    }

    #[test]
    fn all_gradients_keep_their_places_if_there_is_room() {
        let mut grads = Grads::new(&parts(), false, true);
        assert_eq!(grads.held().len(), 10);
        grads.of(&(5..9)).fill(1.0);
        grads.open(&(5..9));
        grads.open(&(9..10));
        assert_eq!(grads.find(&(5..9)), Some(&[1.0; 4][..]));
        grads.clear();
        assert_eq!(grads.held(), [0.0; 10]);
        assert_eq!(Grads::new(&parts(), false, false).held().len(), 0);
    }
}
