//! Logits of what comes next.

use catena_kernels::DenseType;

use super::{batch, lora, tiny_model};
use crate::training::TrainBatch;

/// They are those that the loss of the same position is computed from.
#[test]
fn the_loss_of_a_token_follows_from_its_logits() {
    let mut model = tiny_model(&lora(4, &["q_proj", "down_proj"]), DenseType::F32, 2);
    let tokens = batch(&[9], 3).tokens;
    for len in [1, 5, 9] {
        let tokens = &tokens[..len];
        let target = 17;
        let mut labels = vec![None; len];
        labels[len - 1] = Some(target);
        let asked = TrainBatch {
            tokens: tokens.to_vec(),
            labels,
            seq_starts: vec![0],
            ..TrainBatch::default()
        };
        let loss = model.losses(&asked).unwrap()[0];
        let logits = model.next_logits(tokens).unwrap();
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        let expected = sum.ln() - f64::from(logits[target as usize]);
        assert!((loss - expected).abs() < 1e-5, "{loss}, not {expected}");
    }
    assert!(model.next_logits(&[]).is_err());
    assert!(model.next_logits(&[0; 65]).is_err(), "more than planned");
}
