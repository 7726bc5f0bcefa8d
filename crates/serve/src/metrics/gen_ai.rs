//! What OpenTelemetry's conventions for generative AI have servers measure, by their names.
//!
//! `gen_ai.client.*` is not among it: that is measured where the client stands.
//!
//! # Source
//! OpenTelemetry, semantic conventions for generative AI, "Metrics: model server" (names, attributes,
//! edges). How Prometheus has them is said in `page`.

use super::family::{Families, Kind};
use super::histogram::Histogram;
use crate::access::Outcome;
use crate::router::gen_ai_operation;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// `gen_ai.provider.name` of what this server serves.
pub(crate) const PROVIDER: &str = "catena";

const DURATION_EDGES: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN_EDGES: &[f64] =
    &[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const NEXT_TOKEN_EDGES: &[f64] =
    &[0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];

/// What requests did, and with which model.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    operation: &'static str,
    /// The name that was asked for; empty, as the next, if it is that of no model.
    asked: String,
    served: String,
    /// Why it failed; empty if it did not.
    error: String,
}

impl Work {
    fn of(outcome: &Outcome) -> Option<Self> {
        let operation = gen_ai_operation(&outcome.method, &outcome.route)?;
        let error = outcome.error_type().unwrap_or_default().to_owned();
        // Each label lives for ever: names that clients invent are none.
        let models = outcome.usage.model.clone().zip(outcome.usage.served_model.clone());
        let (asked, served) = models.unwrap_or_default();
        Some(Self { operation, asked, served, error })
    }

    fn labels(&self) -> Vec<(&'static str, &str)> {
        let mut labels = vec![
            ("gen_ai.operation.name", self.operation),
            ("gen_ai.provider.name", PROVIDER),
            ("gen_ai.request.model", &self.asked),
            ("gen_ai.response.model", &self.served),
            ("error.type", &self.error),
        ];
        labels.retain(|(_, value)| !value.is_empty());
        labels
    }
}

type Times = BTreeMap<Work, Histogram>;

/// What was counted.
#[derive(Default)]
struct Counted {
    request: Times,
    first_token: Times,
    next_token: Times,
}

/// Times of requests that a model had to do with.
#[derive(Default)]
pub(crate) struct GenAiMetrics(Mutex<Counted>);

impl GenAiMetrics {
    /// Counts a request that has ended.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        let Some(work) = Work::of(outcome) else { return };
        let usage = &outcome.usage;
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if work.error.is_empty()
            && let Some((first, last)) = usage.first_token.zip(usage.last_token)
        {
            let wait = first.saturating_duration_since(outcome.started).as_secs_f64();
            observe(&mut counted.first_token, &work, FIRST_TOKEN_EDGES, wait);
            if let Some(others @ 1..) = usage.seen_tokens.checked_sub(1) {
                let rest = last.saturating_duration_since(first).as_secs_f64();
                let pace = rest / others as f64;
                observe(&mut counted.next_token, &work, NEXT_TOKEN_EDGES, pace);
            }
        }
        observe(&mut counted.request, &work, DURATION_EDGES, outcome.took.as_secs_f64());
    }

    /// What was counted.
    pub(super) fn collect(&self, families: &mut Families) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, times) in [
            (
                "gen_ai.server.request.duration",
                "From a request's arrival to its answer's end.",
                &counted.request,
            ),
            (
                "gen_ai.server.time_to_first_token",
                "From the arrival of a request that succeeded to its first token.",
                &counted.first_token,
            ),
            (
                "gen_ai.server.time_per_output_token",
                "Mean time of the tokens behind the first of a request that succeeded.",
                &counted.next_token,
            ),
        ] {
            families.add([name, ""], Kind::Histogram, help, |points| {
                for (work, histogram) in times {
                    points.sizes(&work.labels(), histogram.clone());
                }
            });
        }
    }
}

fn observe(times: &mut Times, work: &Work, edges: &'static [f64], seconds: f64) {
    let histogram = times.entry(work.clone()).or_insert_with(|| Histogram::new(edges));
    histogram.observe(seconds);
}
