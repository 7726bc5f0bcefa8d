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

/// Values that one call of a kernel treats alike: a tensor, or neighbouring ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    pub(super) learning_rate_factor: f64,
    pub(super) decays: bool,
}

impl Part {
    /// One tensor.
    pub(super) fn of(tensor: &TrainedTensor) -> Self {
        Self {
            range: tensor.range.clone(),
            learning_rate_factor: tensor.learning_rate_factor,
            decays: tensor.decays,
        }
    }

    /// The decay that applies to these values.
    pub(super) fn decay(&self, weight_decay: f64) -> f64 {
        if self.decays { weight_decay } else { 0.0 }
    }
}

/// As few parts as the tensors' rates and decays allow.
pub(super) fn parts(tensors: &[TrainedTensor]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for tensor in tensors {
        match parts.last_mut() {
            Some(last)
                if last.learning_rate_factor == tensor.learning_rate_factor
                    && last.decays == tensor.decays =>
            {
                last.range.end = tensor.range.end;
            }
            _ => parts.push(Part::of(tensor)),
        }
    }
    parts
}
