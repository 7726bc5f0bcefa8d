//! Which part of the flat vector is which tensor.

use std::ops::Range;

/// One trained tensor inside the flat vector of values.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedTensor {
    /// Its name; unique among the trained tensors.
    pub name: String,
    /// Its axes.
    pub shape: Vec<usize>,
    /// Its values inside the flat vector.
    pub range: Range<usize>,
    /// Multiple of the learning rate: LoRA+ trains one half of each pair faster.
    pub learning_rate_factor: f64,
    /// Whether weight decay applies; usually not to biases and norms.
    pub decays: bool,
}

impl TrainedTensor {
    /// The whole vector as one tensor without axes of its own.
    pub fn whole(num_values: usize) -> Self {
        Self {
            name: "values".to_owned(),
            shape: vec![num_values],
            range: 0..num_values,
            learning_rate_factor: 1.0,
            decays: true,
        }
    }

    /// The decay that applies to this tensor.
    pub(super) fn decay(&self, weight_decay: f64) -> f64 {
        if self.decays { weight_decay } else { 0.0 }
    }
}

/// The length of the vector that the tensors cover in order.
///
/// # Panics
/// If they leave gaps, overlap, or a shape has another number of values than its range.
pub(super) fn num_values(tensors: &[TrainedTensor]) -> usize {
    let mut end = 0;
    for tensor in tensors {
        assert_eq!(tensor.range.start, end, "start of `{}`", tensor.name);
        let values = tensor.shape.iter().product::<usize>();
        assert_eq!(tensor.range.len(), values, "values of `{}` {:?}", tensor.name, tensor.shape);
        end = tensor.range.end;
    }
    end
}

/// Neighbouring tensors that one call of a kernel can treat alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    pub(super) range: Range<usize>,
    pub(super) learning_rate_factor: f64,
    pub(super) decays: bool,
}

impl Segment {
    /// The decay that applies to these values.
    pub(super) fn decay(&self, weight_decay: f64) -> f64 {
        if self.decays { weight_decay } else { 0.0 }
    }
}

/// As few segments as the tensors' rates and decays allow.
pub(super) fn segments(tensors: &[TrainedTensor]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for tensor in tensors {
        match segments.last_mut() {
            Some(last)
                if last.learning_rate_factor == tensor.learning_rate_factor
                    && last.decays == tensor.decays =>
            {
                last.range.end = tensor.range.end;
            }
            _ => segments.push(Segment {
                range: tensor.range.clone(),
                learning_rate_factor: tensor.learning_rate_factor,
                decays: tensor.decays,
            }),
        }
    }
    segments
}

/// A part of the flat vector, of which a step has values and gradients.
#[derive(Clone, Copy)]
pub(super) struct Part<'a>(&'a Range<usize>);

impl<'a> Part<'a> {
    /// Asserts the lengths of the part's vectors.
    pub(super) fn of(
        part: &'a Range<usize>,
        num_values: usize,
        values: &[f32],
        grads: &[f32],
    ) -> Self {
        assert!(part.end <= num_values, "{part:?} of {num_values} trained values");
        assert_eq!(values.len(), part.len(), "values of the trained tensors");
        assert_eq!(grads.len(), part.len(), "gradients of the trained tensors");
        Self(part)
    }

    /// Where a tensor's values are in those of the part; `None` if it is not in it.
    ///
    /// # Panics
    /// If only some of them are: a caller's bug.
    pub(super) fn place(self, tensor: &Range<usize>) -> Option<Range<usize>> {
        let common = self.common(tensor)?;
        assert_eq!(common.len(), tensor.len(), "a part has whole tensors");
        Some(self.moved(&common))
    }

    /// What of some values is in the part.
    pub(super) fn common(self, values: &Range<usize>) -> Option<Range<usize>> {
        let common = values.start.max(self.0.start)..values.end.min(self.0.end);
        (!common.is_empty()).then_some(common)
    }

    /// Where values that are in the part are in its own.
    pub(super) fn moved(self, values: &Range<usize>) -> Range<usize> {
        values.start - self.0.start..values.end - self.0.start
    }
}
