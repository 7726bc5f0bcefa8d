//! What the goldens keep of a tensor.

use std::collections::BTreeMap;

use catena_model::training::TrainModel;

/// f32 sums against f64 ones, relative to the norm of the tensor.
const GRADIENT_F32: f64 = 1e-5;
/// Gradients below this share of the whole gradient are zero but for rounding: a key's bias without
/// rotation shifts all scores of a query alike.
const ZERO: f64 = 1e-6;

/// Norm and two projections.
pub(crate) type Digest = [f64; 3];

pub(crate) fn splitmix64(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Values within -1 and 1.
pub(crate) fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let value = |index| (splitmix64(seed, index) >> 40) as f64 / f64::from(1 << 23) - 1.0;
    (0..len as u64).map(|index| value(index) as f32).collect()
}

/// Random values for a tensor, from its name.
pub(crate) fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(crate) fn digest(values: &[f32]) -> Digest {
    let square: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
    let projection = |seed: u64| -> f64 {
        let sign = |index| if splitmix64(seed, index) >> 63 == 1 { -1.0 } else { 1.0 };
        values.iter().zip(0..).map(|(&value, index)| f64::from(value) * sign(index)).sum()
    };
    [square.sqrt(), projection(1), projection(2)]
}

/// Compares one tensor; the error relative to the norm.
fn error(found: Digest, expected: Digest) -> f64 {
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    worst / expected[0]
}

/// All gradients of the model, and no others.
pub(crate) fn check_gradients(what: &str, model: &TrainModel, expected: &BTreeMap<String, Digest>) {
    let found: BTreeMap<&str, Digest> = model
        .params()
        .iter()
        .map(|param| (param.name.as_str(), digest(&model.grads()[param.range.clone()])))
        .collect();
    check_digests(what, &found, expected);
}

/// Compares all tensors, by name.
pub(crate) fn check_digests(
    what: &str,
    found: &BTreeMap<&str, Digest>,
    expected: &BTreeMap<String, Digest>,
) {
    let names: Vec<&str> = expected.keys().map(String::as_str).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), names, "{what}");
    let total = expected.values().map(|tensor| tensor[0].powi(2)).sum::<f64>().sqrt();
    let mut worst = (0.0, "");
    for (name, &found) in found {
        let expected = expected[*name];
        if expected[0] < ZERO * total {
            assert!(found[0] < ZERO * total, "{what} {name}: {found:?}, not {expected:?}");
            continue;
        }
        let error = error(found, expected);
        assert!(error < GRADIENT_F32, "{what} {name}: {error:e}: {found:?}, not {expected:?}");
        if error > worst.0 {
            worst = (error, name);
        }
    }
    assert!(worst.0 > 0.0, "{what}: f32 and f64 agree in every bit, so nothing was compared");
}

/// A loss or outputs.
pub(crate) fn check_digest(what: &str, found: Digest, expected: Digest) {
    let error = error(found, expected);
    assert!(error < GRADIENT_F32, "{what}: {error:e}: {found:?}, not {expected:?}");
}
