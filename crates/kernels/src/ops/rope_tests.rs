//! Frequencies against `transformers`, layouts and partial rotation against their formulas.

use super::rope::rope_at;
use super::*;
use crate::test_rng::Rng;
use crate::{Level, Pool};

const GOLDEN: &str = include_str!("../../tests/golden/rope_frequencies.txt");
/// The golden's frequencies were computed in f32.
const TOLERANCE: f64 = 2e-6;

fn scaling(name: &str) -> RopeScaling {
    match name {
        "linear" => RopeScaling::Linear { factor: 4.0 },
        "dynamic" => RopeScaling::Dynamic { factor: 2.0, original_positions: 2048 },
        "yarn" => RopeScaling::Yarn {
            factor: 4.0,
            original_positions: 2048,
            beta_fast: 32.0,
            beta_slow: 1.0,
            attention_factor: None,
            truncate: true,
        },
        "yarn_plain_ends" => RopeScaling::Yarn {
            factor: 32.0,
            original_positions: 4096,
            beta_fast: 24.0,
            beta_slow: 2.0,
            attention_factor: Some(1.25),
            truncate: false,
        },
        "llama3" => RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions: 512,
        },
        _ => RopeScaling::LongRope {
            short_factors: (0..16u8).map(|i| 1.0 + f32::from(i) / 16.0).collect(),
            long_factors: (0..16u8).map(|i| 2.0 + f32::from(i) / 4.0).collect(),
            original_positions: 1024,
            attention_factor: (1.0f32 + 4f32.ln() / 1024f32.ln()).sqrt(),
        },
    }
}

#[test]
fn frequencies_are_those_of_transformers() {
    let mut names = Vec::new();
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, longest, factor, expected @ ..] = &fields[..] else { panic!("{line}") };
        let spec = RopeSpec { scaling: scaling(name), ..RopeSpec::plain(32, 10_000.0) };
        let (found, found_factor) = spec.frequencies(longest.parse().unwrap());
        let near = |found: f64, expected: &str| {
            let expected: f64 = expected.parse().unwrap();
            assert!((found / expected - 1.0).abs() < TOLERANCE, "{name}: {found}, not {expected}");
        };
        near(found_factor, factor);
        assert_eq!(found.len(), expected.len(), "{name}");
        found.into_iter().zip(expected).for_each(|(found, expected)| near(found, expected));
        names.push(*name);
    }
    assert_eq!(names.len(), 7, "{names:?}");
}

#[test]
fn layouts_pair_dimensions_and_leave_the_rest_of_a_head() {
    let (head_dim, rotary_dim, heads) = (20, 12, 2);
    let layouts = [RopeLayout::Halves, RopeLayout::Interleaved];
    for (layout, first) in layouts.into_iter().flat_map(|of| [0, 3, 8].map(|first| (of, first))) {
        let part =
            RopeSpec { first_rotary_dim: first, rotary_dim, ..RopeSpec::plain(head_dim, 100.0) };
        let spec = RopeSpec { layout, ..part };
        let table = RopeTable::new(&spec, 64);
        for level in Level::supported() {
            let before = Rng::new(1).normals(heads * head_dim);
            let mut x = before.clone();
            rope_at(level, &Pool::new(1), &mut x, heads * head_dim, heads, &[37], &table);
            for (head, before) in x.chunks_exact(head_dim).zip(before.chunks_exact(head_dim)) {
                for i in 0..rotary_dim / 2 {
                    let (a, b) = match layout {
                        RopeLayout::Halves => (first + i, first + i + rotary_dim / 2),
                        RopeLayout::Interleaved => (first + 2 * i, first + 2 * i + 1),
                    };
                    let angle = 37.0 * 100f64.powf(-2.0 * i as f64 / rotary_dim as f64);
                    let (x1, x2) = (f64::from(before[a]), f64::from(before[b]));
                    let turned = [
                        (head[a], x1 * angle.cos() - x2 * angle.sin()),
                        (head[b], x2 * angle.cos() + x1 * angle.sin()),
                    ];
                    for (found, expected) in turned {
                        assert!((f64::from(found) - expected).abs() < 1e-6, "{layout:?} pair {i}");
                    }
                }
                assert_eq!(head[..first], before[..first]);
                assert_eq!(head[first + rotary_dim..], before[first + rotary_dim..]);
            }
        }
    }
}
