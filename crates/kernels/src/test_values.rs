//! Numbers and places at which vectors and plain code come apart, if they do.

use std::ops::{Deref, DerefMut};

use crate::test_rng::Rng;

/// Zeros of both signs, subnormal numbers and what is near them, huge ones.
const FINITE: [f32; 12] =
    [0.0, -0.0, 1e-45, -1e-40, f32::MIN_POSITIVE, -1e-30, 1e-12, 3e4, -1e15, 1e18, -3e37, f32::MAX];

/// What no sum comes back from.
const NOT_FINITE: [f32; 3] = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// Which numbers stand among usual ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Zeros, and numbers so small that nothing is lost beside them.
    Small,
    /// All that are finite.
    Finite,
    /// All, the others being few, so that not every row has some.
    Any,
}

impl Mix {
    pub(crate) const ALL: [Mix; 3] = [Mix::Small, Mix::Finite, Mix::Any];

    /// Half of them usual, the others at random places.
    pub(crate) fn values(self, rng: &mut Rng, len: usize) -> Vec<f32> {
        let awkward = match self {
            Mix::Small => &FINITE[..7],
            Mix::Finite | Mix::Any => &FINITE[..],
        };
        let value = |_| {
            let pick = rng.next_u64() as usize;
            if self == Mix::Any && pick.is_multiple_of(61) {
                NOT_FINITE[pick / 61 % NOT_FINITE.len()]
            } else if pick.is_multiple_of(2) {
                rng.normal()
            } else {
                awkward[pick / 2 % awkward.len()]
            }
        };
        (0..len).map(value).collect()
    }
}

/// Values that begin 4 bytes behind a cache line, where no vector is aligned.
pub(crate) struct Placed {
    memory: Vec<f32>,
    start: usize,
}

impl Placed {
    pub(crate) fn new(values: &[f32]) -> Self {
        let mut memory = vec![0.0; values.len() + 16];
        let start = (memory.as_ptr().align_offset(64) + 1) % 16;
        memory[start..][..values.len()].copy_from_slice(values);
        memory.truncate(start + values.len());
        Self { memory, start }
    }
}

impl Deref for Placed {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.start..]
    }
}

impl DerefMut for Placed {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..]
    }
}

/// Asserts the same bits; which NaN a NaN is remains open.
pub(crate) fn assert_same(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    if let Some(i) = found.iter().zip(expected).position(|pair| !same(pair)) {
        panic!("{what} [{i}]: {:e} instead of {:e}", found[i], expected[i]);
    }
}

#[test]
fn values_are_of_every_kind_and_placed_between_vectors() {
    let mut rng = Rng::new(1);
    let all = Mix::Any.values(&mut rng, 5000);
    for wanted in FINITE.into_iter().chain(NOT_FINITE) {
        let is_there = |x: &f32| x.to_bits() == wanted.to_bits();
        assert!(all.iter().any(is_there) || wanted.is_nan() && all.iter().any(|x| x.is_nan()));
    }
    assert!(Mix::Finite.values(&mut rng, 5000).iter().all(|x| x.is_finite()));
    assert!(Mix::Small.values(&mut rng, 5000).iter().all(|x| x.abs() < 10.0));
    for len in [1, 15, 16, 1000] {
        let placed = Placed::new(&all[..len]);
        assert_eq!(placed.as_ptr() as usize % 64, 4);
        assert_same("placed", &placed, &all[..len]);
    }
}
