//! Optimizers against PyTorch, transformers and bitsandbytes; their state, saved and put back.

mod golden;
mod state;

use super::*;
use std::ops::Range;

/// As `draw` of `make_optimizers.py`: an f32 of -1..1 with 24 bits, from splitmix64.
#[expect(clippy::cast_possible_truncation, reason = "24 bits fit into an f32")]
fn draw(stream: u64, index: usize) -> f32 {
    let x = stream.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64 + 1);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let x = x ^ (x >> 31);
    ((x >> 40) as f64 / f64::from(1 << 23) - 1.0) as f32
}

fn vector(stream: u64, len: usize, spread: usize) -> Vec<f32> {
    let halved = |i: usize| draw(stream, i) / (1u32 << (i % spread)) as f32;
    (0..len).map(halved).collect()
}

/// As `bounded` of `make_optimizers.py`: magnitudes of 0.25 to 1.
#[expect(clippy::cast_possible_truncation, reason = "the draws are f32")]
fn bounded(stream: u64, len: usize) -> Vec<f32> {
    let away = |i: usize| {
        let x = f64::from(draw(stream, i));
        (0.75 * x + if x >= 0.0 { 0.25 } else { -0.25 }) as f32
    };
    (0..len).map(away).collect()
}

fn tensors(list: &[(&str, &[usize], f64, bool)]) -> Vec<TrainedTensor> {
    let mut end = 0;
    let next = |&(name, shape, learning_rate_factor, decays): &(&str, &[usize], f64, bool)| {
        let range: Range<usize> = end..end + shape.iter().product::<usize>();
        end = range.end;
        TrainedTensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            range,
            learning_rate_factor,
            decays,
        }
    };
    list.iter().map(next).collect()
}

/// The tensors of `make_optimizers.py`.
fn small() -> Vec<TrainedTensor> {
    tensors(&[
        ("layers.0.q_proj.weight", &[6, 10], 1.0, true),
        ("layers.0.q_proj.bias", &[6], 1.0, false),
        ("layers.0.down_proj.weight", &[10, 6], 2.0, true),
        ("norm.weight", &[10], 1.0, false),
        ("embed_tokens.weight", &[12, 6], 1.0, true),
    ])
}

fn large() -> Vec<TrainedTensor> {
    tensors(&[
        ("layers.0.up_proj.weight", &[33, 140], 1.0, true),
        ("norm.weight", &[300], 1.0, false),
    ])
}

fn num_values_of(tensors: &[TrainedTensor]) -> usize {
    tensors.last().map_or(0, |tensor| tensor.range.end)
}
