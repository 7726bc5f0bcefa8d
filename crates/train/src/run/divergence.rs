//! Telling a run that learns from one that has come apart.

use super::checkpoint::Position;

/// Weight of the past in the smoothed loss.
const KEEP: f64 = 0.9;
/// What the smoothed loss may rise by in any case: losses near zero are noisy.
const SLACK: f64 = 1.0;

/// Takes a step's loss into the smoothed one, and says whether that has risen too far above its
/// lowest value: the smoothed loss and the bound that it broke.
pub(super) fn follow(position: &mut Position, loss: f64, factor: f64) -> Option<(f64, f64)> {
    let (smoothed, lowest) = match position.smoothed_loss {
        None => (loss, loss),
        Some((smoothed, lowest)) => (KEEP * smoothed + (1.0 - KEEP) * loss, lowest),
    };
    position.smoothed_loss = Some((smoothed, lowest.min(smoothed)));
    let bound = lowest.abs() * factor + SLACK;
    (factor > 0.0 && smoothed > bound).then_some((smoothed, bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped_at(losses: impl IntoIterator<Item = f64>, factor: f64) -> Option<usize> {
        let mut position = Position::default();
        losses.into_iter().position(|loss| follow(&mut position, loss, factor).is_some())
    }

    #[test]
    fn noise_is_no_divergence() {
        let noisy = (0..200).map(|step| 2.0 + f64::from(step % 7) * 0.5);
        assert_eq!(stopped_at(noisy, 4.0), None);
        let small = (0..200).map(|step| f64::from(step % 2) * 0.3);
        assert_eq!(stopped_at(small, 4.0), None);
    }

    #[test]
    fn a_loss_that_climbs_is_stopped_unless_that_is_off() {
        let climbing = || (0..100).map(|step| 2.0 + f64::from(step.max(20) - 20) * 0.5);
        assert!(stopped_at(climbing(), 4.0).is_some_and(|step| step > 25 && step < 60));
        assert_eq!(stopped_at(climbing(), 0.0), None);
    }
}
