//! Stage `retrieval`: recall and reciprocal rank of every search method on the scenarios.

use super::{Inputs, digest_setting};
use crate::models::{BoxError, Remembering};
use catena_eval::{read_scenarios, retrieval_metrics};
use catena_knowledge::{Index, Method};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::RetrievalReport;
use std::sync::Arc;

/// Documents looked at per scenario: the deepest recall reported.
const DEPTH: usize = 20;

/// The stage.
pub(crate) struct Retrieval(pub(crate) Arc<Inputs>);

impl Stage for Retrieval {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["index"]
    }

    fn settings(&self) -> Settings {
        let digest = self.0.scenarios.as_ref().map_or("none", |input| input.digest.as_str());
        Settings::from([
            digest_setting("scenarios", digest),
            digest_setting("embedder", &self.0.embedder.digest),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let Some(input) = &self.0.scenarios else {
            return Ok(super::summary(serde_json::to_value(RetrievalReport::default())?));
        };
        let scenarios = read_scenarios(&input.path)?;
        let index = Index::open(context.input("index"))?;
        let embedder = self.0.embedder()?;
        let embedder = Remembering::new(&embedder);
        let progress = context.progress();
        let total = (scenarios.len() * Method::ALL.len()) as u64;
        progress.begin("searching", Some(total), "queries");
        let mut report = RetrievalReport::default();
        let mut done = 0;
        for method in Method::ALL {
            let mut rankings = Vec::with_capacity(scenarios.len());
            for scenario in &scenarios {
                if context.cancel().is_cancelled() {
                    return Err("interrupted".into());
                }
                let hits = index.search_documents(&scenario.query, method, DEPTH, &embedder)?;
                rankings.push(hits.into_iter().map(|hit| hit.document_id).collect::<Vec<_>>());
                done += 1;
                progress.update(done);
            }
            let metrics = retrieval_metrics(&scenarios, &rankings);
            match method {
                Method::Keyword => report.keyword = metrics,
                Method::Dense => report.dense = metrics,
                Method::Hybrid => report.hybrid = metrics,
            }
        }
        let mut summary = super::summary(serde_json::to_value(report)?);
        summary.insert("scenarios".to_owned(), scenarios.len().into());
        Ok(summary)
    }
}
