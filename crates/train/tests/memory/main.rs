//! A step of an optimizer takes no memory, seen by the allocator. Its own binary: the peak is the
//! whole process's.

use catena_kernels::Pool;
use catena_train::{
    AdafactorConfig, AdamWConfig, LionConfig, MuonConfig, OptimizerConfig, SgdConfig, TrainedTensor,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn tensors() -> Vec<TrainedTensor> {
    let shapes: [(&str, &[usize]); 5] = [
        ("layers.0.q_proj.weight", &[150, 200]),
        ("layers.0.down_proj.weight", &[260, 90]),
        ("layers.0.norm.weight", &[150]),
        ("experts.weight", &[2, 60, 80]),
        ("embed_tokens.weight", &[300, 70]),
    ];
    let mut end = 0;
    let tensor = |(name, shape): (&str, &[usize])| {
        let range = end..end + shape.iter().product::<usize>();
        end = range.end;
        TrainedTensor {
            name: name.to_owned(),
            shape: shape.to_vec(),
            range,
            learning_rate_factor: 1.0,
            decays: true,
        }
    };
    shapes.into_iter().map(tensor).collect()
}

#[test]
fn a_step_allocates_nothing() {
    let tensors = tensors();
    let len = tensors.last().unwrap().range.end;
    let adafactor =
        AdafactorConfig { beta1: Some(0.9), scale_parameter: true, ..AdafactorConfig::default() };
    let configs = [
        OptimizerConfig::AdamW(AdamWConfig::default()),
        OptimizerConfig::AdamW8bit(AdamWConfig::default()),
        OptimizerConfig::Sgd(SgdConfig::default()),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Adafactor(adafactor),
        OptimizerConfig::Muon(MuonConfig::default()),
    ];
    let grads: Vec<f32> = (0..len).map(|i| (i % 17) as f32 / 17.0 - 0.5).collect();
    let mut values = vec![0.5; len];
    let pool = Pool::new(2);
    for config in configs {
        let mut optimizer = config.build(&tensors);
        // The first product of a thread makes that thread's tiles.
        optimizer.step(&pool, &mut values, &grads, 1.0, 1e-3);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        for _ in 0..3 {
            optimizer.step(&pool, &mut values, &grads, 0.5, 1e-3);
        }
        let peak = ALLOCATOR.peak_usage();
        assert_eq!(peak, before, "{config:?} takes {} bytes", peak - before);
        assert!(values.iter().all(|value| value.is_finite()));
    }
}
