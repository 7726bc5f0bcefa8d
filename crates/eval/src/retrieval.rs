//! How well rankings find the required documents.

use crate::scenario::Scenario;
use catena_protocol::RetrievalMetrics;

/// Share of the `required` documents among the first `k` found; 0 if none are required.
pub fn recall_at(k: usize, found: &[String], required: &[String]) -> f64 {
    let first = &found[..k.min(found.len())];
    let hits = required.iter().filter(|id| first.contains(id)).count();
    hits as f64 / required.len().max(1) as f64
}

/// `1 / rank` of the first required document found; 0 if none is.
pub fn reciprocal_rank(found: &[String], required: &[String]) -> f64 {
    let first = found.iter().position(|id| required.contains(id));
    first.map_or(0.0, |index| 1.0 / (index + 1) as f64)
}

/// The means over all `scenarios` of what was found for them, best first; zero without any.
///
/// # Panics
/// Unless there is one ranking per scenario: a caller's bug.
pub fn retrieval_metrics(scenarios: &[Scenario], rankings: &[Vec<String>]) -> RetrievalMetrics {
    let (wanted, given) = (scenarios.len(), rankings.len());
    assert_eq!(wanted, given, "{wanted} scenarios but {given} rankings");
    let mean = |metric: &dyn Fn(&[String], &[String]) -> f64| {
        let pairs = scenarios.iter().zip(rankings);
        let values = pairs.map(|(scenario, found)| metric(found, &scenario.required_documents));
        values.sum::<f64>() / wanted.max(1) as f64
    };
    RetrievalMetrics {
        recall_at_5: mean(&|found, required| recall_at(5, found, required)),
        recall_at_10: mean(&|found, required| recall_at(10, found, required)),
        recall_at_20: mean(&|found, required| recall_at(20, found, required)),
        mrr: mean(&reciprocal_rank),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_agree_with_hand_computed_ones() {
        let own = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<String>>();
        let scenario = |required: &[&str]| Scenario {
            id: String::new(),
            query: String::new(),
            required_documents: own(required),
        };
        let late: Vec<String> = (0..12).map(|rank| format!("x{rank}")).collect();
        // Two of three among the first five, the first at rank 2; one of one at rank 12; none.
        let scenarios = [scenario(&["a", "b", "c"]), scenario(&["x11"]), scenario(&["a"])];
        let rankings = [own(&["x", "a", "b", "y", "z", "d"]), late, own(&["x"])];
        let found = retrieval_metrics(&scenarios, &rankings);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        close(found.recall_at_5, (2.0 / 3.0) / 3.0);
        close(found.recall_at_10, (2.0 / 3.0) / 3.0);
        close(found.recall_at_20, (2.0 / 3.0 + 1.0) / 3.0);
        close(found.mrr, (1.0 / 2.0 + 1.0 / 12.0) / 3.0);
        assert_eq!(retrieval_metrics(&[], &[]), RetrievalMetrics::default());
    }
}
