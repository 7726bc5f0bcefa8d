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
///
/// New sums are not written: what counts as zero is known, and the first product of a matrix writes
/// its gradient instead of adding to it.
#[derive(Debug, Default)]
pub(super) struct Grads {
    held: Vec<f32>,
    /// How many of the first values have a gradient that keeps its place.
    fixed: usize,
    /// The part whose gradient stands behind them.
    part: Range<usize>,
    by_part: bool,
    /// Places that count as zero, whatever stands there, in ascending order.
    unset: Vec<Range<usize>>,
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
        let mut grads = Grads { held, fixed, part: fixed..fixed, by_part, unset: Vec::new() };
        grads.clear();
        grads
    }

    /// Whether only the gradients of one part exist at a time.
    pub(super) fn by_part(&self) -> bool {
        self.by_part
    }

    /// All that are held: those of all values, unless they are held by part.
    ///
    /// # Panics
    /// If some count as zero and are not written.
    pub(super) fn held(&self) -> &[f32] {
        assert!(self.unset.is_empty(), "gradients are asked for before anything was learnt");
        &self.held
    }

    /// Writes what counts as zero.
    pub(super) fn settle_all(&mut self) {
        self.settle(&(0..self.held.len()));
    }

    /// Starts new sums.
    pub(super) fn clear(&mut self) {
        self.unset.clear();
        self.unset.extend(Some(0..self.held.len()).filter(|all| !all.is_empty()));
    }

    /// Makes room for the gradient of a part, zero at first, in the place of that of another. Nothing
    /// happens if all gradients have a place of their own.
    pub(super) fn open(&mut self, part: &Range<usize>) {
        if part.start >= self.fixed {
            self.part = part.clone();
            let behind = self.fixed..self.held.len();
            self.set(&behind);
            self.unset.extend(Some(behind).filter(|behind| !behind.is_empty()));
        }
    }

    /// The gradient of some values.
    ///
    /// # Panics
    /// If it is not held at the time.
    pub(super) fn of(&mut self, values: &Range<usize>) -> &mut [f32] {
        let place = self.known_place(values);
        self.settle(&place);
        &mut self.held[place]
    }

    /// The gradient of some values, to be written by a product, or, as is said beside it, to be added
    /// to.
    ///
    /// # Panics
    /// As [`Self::of`].
    pub(super) fn of_product(&mut self, values: &Range<usize>) -> (&mut [f32], bool) {
        let place = self.known_place(values);
        let is_unset = |unset: &Range<usize>| unset.start <= place.start && place.end <= unset.end;
        let accumulate = !self.unset.get(self.first_unset(&place)).is_some_and(is_unset);
        if accumulate {
            self.settle(&place);
        } else {
            self.set(&place);
        }
        (&mut self.held[place], accumulate)
    }

    /// The gradient of some values, if it is held at the time and not zero because nothing was
    /// learnt yet.
    pub(super) fn find(&self, values: &Range<usize>) -> Option<&[f32]> {
        let place = self.place(values)?;
        let unset = self.unset.get(self.first_unset(&place));
        let is_set = unset.is_none_or(|unset| unset.start >= place.end);
        is_set.then(|| &self.held[place])
    }

    fn known_place(&self, values: &Range<usize>) -> Range<usize> {
        self.place(values).unwrap_or_else(|| panic!("the gradient of {values:?} is not held"))
    }

    fn place(&self, values: &Range<usize>) -> Option<Range<usize>> {
        if values.end <= self.fixed {
            return Some(values.clone());
        }
        let is_there = self.part.start <= values.start && values.end <= self.part.end;
        let moved = |at: usize| self.fixed + (at - self.part.start);
        is_there.then(|| moved(values.start)..moved(values.end))
    }

    /// The number of the first unset place that does not end before another begins.
    fn first_unset(&self, place: &Range<usize>) -> usize {
        self.unset.partition_point(|unset| unset.end <= place.start)
    }

    /// Writes the zeros of a place.
    fn settle(&mut self, place: &Range<usize>) {
        for unset in &self.unset[self.first_unset(place)..] {
            let (start, end) = (unset.start.max(place.start), unset.end.min(place.end));
            if start >= end {
                break;
            }
            self.held[start..end].fill(0.0);
        }
        self.set(place);
    }

    /// Notes that a place is written.
    fn set(&mut self, place: &Range<usize>) {
        let first = self.first_unset(place);
        let count = self.unset[first..].partition_point(|unset| unset.start < place.end);
        if place.is_empty() || count == 0 {
            return;
        }
        let left = self.unset[first].start..place.start;
        let right = place.end..self.unset[first + count - 1].end;
        let rest = [left, right].into_iter().filter(|rest| rest.start < rest.end);
        self.unset.splice(first..first + count, rest);
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
        assert_eq!(grads.held.len(), 3 + 4);
        grads.open(&(9..10));
        grads.of(&(1..3)).fill(1.0);
        grads.of(&(9..10)).fill(2.0);
        grads.open(&(5..9));
        assert_eq!(grads.find(&(9..10)), None);
        assert_eq!(grads.of(&(6..8)), [0.0; 2], "nothing of the head is left");
        grads.of(&(6..8)).fill(3.0);
        assert_eq!(grads.of(&(5..9)), [0.0, 3.0, 3.0, 0.0]);
        assert_eq!(grads.of(&(0..3)), [0.0, 1.0, 1.0]);
        // A part without values.
        grads.open(&(9..9));
        assert_eq!(grads.of(&(9..9)), [0.0; 0]);
    }

    #[test]
    fn all_gradients_keep_their_places_if_there_is_room() {
        let mut grads = Grads::new(&parts(), false, true);
        assert_eq!(grads.held.len(), 10);
        grads.of(&(5..9)).fill(1.0);
        grads.open(&(5..9));
        grads.open(&(9..10));
        assert_eq!(grads.find(&(5..9)), Some(&[1.0; 4][..]));
        grads.clear();
        grads.settle_all();
        assert_eq!(grads.held(), [0.0; 10]);
        assert_eq!(Grads::new(&parts(), false, false).held(), [0.0; 0]);
    }

    #[test]
    fn a_product_writes_what_counts_as_zero_and_adds_to_the_rest() {
        let mut grads = Grads::new(&parts(), false, true);
        grads.of(&(0..10)).fill(f32::NAN);
        grads.clear();
        // What is not set is found nowhere, and is never read.
        assert_eq!(grads.find(&(0..3)), None);
        let (first, accumulate) = grads.of_product(&(4..6));
        assert!(!accumulate);
        first.fill(1.0);
        assert_eq!(grads.find(&(4..6)), Some(&[1.0; 2][..]));
        assert_eq!(grads.find(&(4..7)), None);
        let (again, accumulate) = grads.of_product(&(4..6));
        assert!(accumulate && *again == [1.0; 2]);
        // A place of which a part is written already.
        let (wider, accumulate) = grads.of_product(&(3..8));
        assert!(accumulate && *wider == [0.0, 1.0, 1.0, 0.0, 0.0]);
        assert!(!grads.of_product(&(0..3)).1 && !grads.of_product(&(8..10)).1);
        grads.clear();
        grads.of(&(2..4)).fill(2.0);
        grads.settle_all();
        assert_eq!(grads.held(), [0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    /// Against places that are marked one by one.
    #[test]
    fn unset_places_are_those_that_nobody_wrote() {
        let layers = std::iter::once(0..64).collect();
        let parts = Parts { shared: 0..0, layers, head: 64..64 };
        let mut grads = Grads::new(&parts, false, true);
        let mut state = 1u32;
        let mut next = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for _ in 0..200 {
            let mut unset = [true; 64];
            grads.held.fill(f32::NAN);
            grads.clear();
            for _ in 0..12 {
                let start = next(60);
                let place = start..start + 1 + next(64 - start);
                let is_unset = unset[place.clone()].iter().all(|&unset| unset);
                let written = if next(2) == 0 {
                    let (found, accumulate) = grads.of_product(&place);
                    assert_eq!(accumulate, !is_unset, "{place:?}");
                    if !accumulate {
                        found.fill(0.0);
                    }
                    found
                } else {
                    grads.of(&place)
                };
                assert!(written.iter().all(|&grad| grad == 0.0), "{place:?}");
                unset[place].fill(false);
                let marked = |at: usize| grads.unset.iter().any(|range| range.contains(&at));
                assert!((0..64).all(|at| marked(at) == unset[at]), "{:?}", grads.unset);
            }
            grads.settle_all();
            assert!(grads.held().iter().all(|&grad| grad == 0.0));
        }
    }

    #[test]
    #[should_panic(expected = "before anything was learnt")]
    fn what_counts_as_zero_is_not_shown_before_it_is_written() {
        let mut grads = Grads::new(&parts(), false, true);
        grads.of(&(0..9)).fill(1.0);
        grads.held();
    }
}
