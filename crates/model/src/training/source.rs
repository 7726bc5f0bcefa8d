//! Where weights come from.

use std::borrow::Cow;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::checkpoint::{Weight, WeightData};
use crate::{Checkpoint, ModelError};

/// Gives tensors by name.
pub trait WeightSource {
    /// The tensor, which must have this shape.
    ///
    /// # Errors
    /// It is missing, unreadable, or has another shape.
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError>;

    /// As [`Self::weight`] where only form and shape matter: values may be missing.
    ///
    /// # Errors
    /// As [`Self::weight`].
    fn form(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        self.weight(name, shape)
    }

    /// Says that a tensor was taken: its pages need not stay in memory.
    fn release(&self, _name: &str) {}
}

impl WeightSource for Checkpoint {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let weight = Checkpoint::weight(self, name)?;
        if weight.shape == shape {
            return Ok(weight);
        }
        let (name, expected) = (name.to_owned(), shape.to_vec());
        Err(ModelError::ShapeMismatch { name, found: weight.shape, expected })
    }

    fn release(&self, name: &str) {
        Checkpoint::release(self, name);
    }
}

/// First weights of a model that is trained from nothing: matrices normal with a small deviation,
/// gains one, biases zero. GPT-2 divides the deviation of matrices that write to the residual stream
/// by the root of how many there are.
///
/// # Source
/// `_init_weights` of Hugging Face `transformers`. The numbers are our generator's, not PyTorch's;
/// each tensor's follow from the seed and its name alone.
#[derive(Clone, Debug)]
pub struct RandomWeights {
    /// Seed of all tensors.
    pub seed: u64,
    /// Standard deviation of matrices, `initializer_range`.
    pub deviation: f32,
    /// The same of those whose result is added to the residual stream.
    pub residual_deviation: f32,
}

/// Ends of the names of matrices whose result is added to the residual stream.
const RESIDUAL: [&str; 2] = [".self_attn.o_proj.weight", ".down_proj.weight"];

impl RandomWeights {
    /// All matrices alike.
    pub fn new(seed: u64, deviation: f32) -> Self {
        Self { seed, deviation, residual_deviation: deviation }
    }

    fn deviation(&self, name: &str) -> f32 {
        let residual = RESIDUAL.iter().any(|end| name.ends_with(end));
        if residual { self.residual_deviation } else { self.deviation }
    }
}

impl WeightSource for RandomWeights {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let len = shape.iter().product();
        let values = match shape {
            [_] if name.ends_with("bias") => vec![0.0; len],
            [_] => vec![1.0; len],
            _ => normals(&mut generator(self.seed, name), len, self.deviation(name)),
        };
        Ok(Weight { shape: shape.to_vec(), data: WeightData::F32(Cow::Owned(values)) })
    }

    fn form(&self, _name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        Ok(Weight { shape: shape.to_vec(), data: WeightData::F32(Cow::Borrowed(&[])) })
    }
}

/// A generator of its own for each tensor.
pub(super) fn generator(seed: u64, name: &str) -> ChaCha8Rng {
    // FNV-1a: any mixing will do, the generator spreads it.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ChaCha8Rng::seed_from_u64(seed ^ hash)
}

/// Normal numbers by the method of Box and Muller.
#[expect(clippy::cast_possible_truncation, reason = "drawn in f64, used in f32")]
pub(super) fn normals(rng: &mut ChaCha8Rng, len: usize, deviation: f32) -> Vec<f32> {
    let mut values = Vec::with_capacity(len + 1);
    while values.len() < len {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * f64::from(deviation);
        let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
        values.extend([(radius * cos) as f32, (radius * sin) as f32]);
    }
    values.truncate(len);
    values
}
