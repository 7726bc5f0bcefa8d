//! The memory of an optimizer, as named tensors.

use crate::error::TrainError;
use std::borrow::Cow;
use std::ops::Range;

/// Values of one state tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StateData<'a> {
    /// Moments and scales.
    F32(&'a [f32]),
    /// Codes of quantized moments.
    U8(&'a [u8]),
}

impl StateData<'_> {
    fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::U8(_) => "U8",
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }
}

/// One named tensor of an optimizer's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateTensor<'a> {
    /// `<trained tensor>.<kind of state>`, the kinds as PyTorch names them.
    pub name: Cow<'a, str>,
    /// Its axes.
    pub shape: Cow<'a, [usize]>,
    /// Its values.
    pub data: StateData<'a>,
}

/// Where a state tensor's values are.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    F32(Range<usize>),
    U8(Range<usize>),
}

#[derive(Clone, Debug)]
struct Slot {
    name: String,
    shape: Vec<usize>,
    place: Place,
}

/// All state of one optimizer: how many steps it made, two buffers, and the tensors in them.
#[derive(Clone, Debug, Default)]
pub struct OptimizerMemory {
    steps: u64,
    pub(super) floats: Vec<f32>,
    pub(super) bytes: Vec<u8>,
    /// Lengths of the buffers, which are empty where they are only counted.
    num_floats: usize,
    num_codes: usize,
    counts: bool,
    slots: Vec<Slot>,
}

impl OptimizerMemory {
    /// Memory that is only counted: an optimizer on it cannot step.
    pub(super) fn counting() -> Self {
        Self { counts: true, ..Self::default() }
    }

    /// Counts one more step.
    pub(super) fn next_step(&mut self) {
        self.steps += 1;
    }

    /// How many there were: the number of the last, from 1.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Adds zeros for `<tensor>.<kind>` and returns their range in [`Self::floats`].
    pub(super) fn add_floats(&mut self, tensor: &str, kind: &str, shape: &[usize]) -> Range<usize> {
        let range = self.num_floats..self.num_floats + shape.iter().product::<usize>();
        self.num_floats = range.end;
        if !self.counts {
            self.floats.resize(range.end, 0.0);
        }
        self.add(tensor, kind, shape, Place::F32(range.clone()));
        range
    }

    /// Adds zeros for `<tensor>.<kind>` and returns their range in [`Self::bytes`].
    pub(super) fn add_bytes(&mut self, tensor: &str, kind: &str, shape: &[usize]) -> Range<usize> {
        let range = self.num_codes..self.num_codes + shape.iter().product::<usize>();
        self.num_codes = range.end;
        if !self.counts {
            self.bytes.resize(range.end, 0);
        }
        self.add(tensor, kind, shape, Place::U8(range.clone()));
        range
    }

    fn add(&mut self, tensor: &str, kind: &str, shape: &[usize], place: Place) {
        self.slots.push(Slot { name: format!("{tensor}.{kind}"), shape: shape.to_vec(), place });
    }

    pub(super) fn num_bytes(&self) -> usize {
        self.num_floats * size_of::<f32>() + self.num_codes
    }

    pub(super) fn tensors(&self) -> Vec<StateTensor<'_>> {
        let tensor = |slot: &'_ Slot| -> StateData<'_> {
            match &slot.place {
                Place::F32(range) => StateData::F32(&self.floats[range.clone()]),
                Place::U8(range) => StateData::U8(&self.bytes[range.clone()]),
            }
        };
        let named = self.slots.iter().map(|slot| StateTensor {
            name: Cow::Borrowed(slot.name.as_str()),
            shape: Cow::Borrowed(slot.shape.as_slice()),
            data: tensor(slot),
        });
        named.collect()
    }

    /// Takes saved values over, all or none.
    pub(super) fn restore(
        &mut self,
        optimizer: &'static str,
        steps: u64,
        saved: &[StateTensor<'_>],
    ) -> Result<(), TrainError> {
        let known = |tensor: &StateTensor<'_>| self.slots.iter().any(|s| s.name == tensor.name);
        if let Some(unknown) = saved.iter().find(|tensor| !known(tensor)) {
            return Err(TrainError::UnknownState { name: unknown.name.to_string(), optimizer });
        }
        let found: Vec<&StateTensor<'_>> =
            self.slots.iter().map(|slot| find(slot, saved)).collect::<Result<_, _>>()?;
        for (slot, saved) in self.slots.iter().zip(found) {
            match (&slot.place, saved.data) {
                (Place::F32(range), StateData::F32(values)) => {
                    self.floats[range.clone()].copy_from_slice(values);
                }
                (Place::U8(range), StateData::U8(values)) => {
                    self.bytes[range.clone()].copy_from_slice(values);
                }
                _ => unreachable!("`find` compared the types of `{}`", slot.name),
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The saved tensor of a slot, if it fits.
fn find<'s, 'a>(
    slot: &Slot,
    saved: &'s [StateTensor<'a>],
) -> Result<&'s StateTensor<'a>, TrainError> {
    let tensor = saved
        .iter()
        .find(|tensor| tensor.name == slot.name)
        .ok_or_else(|| TrainError::MissingState { name: slot.name.clone() })?;
    let mismatch = |what, found: String, expected: String| {
        Err(TrainError::StateMismatch { name: slot.name.clone(), what, found, expected })
    };
    let (dtype, len) = match &slot.place {
        Place::F32(range) => ("F32", range.len()),
        Place::U8(range) => ("U8", range.len()),
    };
    if tensor.data.dtype() != dtype {
        return mismatch("type", tensor.data.dtype().to_owned(), dtype.to_owned());
    }
    if *tensor.shape != *slot.shape {
        return mismatch("shape", format!("{:?}", tensor.shape), format!("{:?}", slot.shape));
    }
    if tensor.data.len() != len {
        return mismatch("number of values", tensor.data.len().to_string(), len.to_string());
    }
    Ok(tensor)
}

/// Two ranges of one buffer at once.
pub(super) fn pair<'a, T>(
    buffer: &'a mut [T],
    [first, second]: &[Range<usize>; 2],
) -> (&'a mut [T], &'a mut [T]) {
    let [first, second] = buffer
        .get_disjoint_mut([first.clone(), second.clone()])
        .expect("state tensors do not overlap");
    (first, second)
}
