//! Layers that are computed again.

use catena_model::training::{Method, Recompute};
use catena_protocol::{Cancel, NoProgress};

use crate::setup::{config, dir, language_model, lora, run};

#[test]
fn five_steps_with_layers_computed_again_have_the_same_bits() {
    for method in [Method::Full, lora()] {
        let trained = |recompute| {
            let (_guard, path) = dir();
            let mut model = language_model(&method, recompute);
            let start = model.values().to_vec();
            let losses = run(&config(), &path, &mut model, &NoProgress, &Cancel::new()).unwrap();
            assert_eq!(losses.len(), 5);
            assert!(model.values() != start);
            (losses, model.values().to_vec())
        };
        let kept = trained(Recompute::Off);
        assert!(trained(Recompute::Layers(1)) == kept, "{method:?}");
        assert!(trained(Recompute::All) == kept, "{method:?}");
    }
}
